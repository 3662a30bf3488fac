import { describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";

interface RestartingBody {
  readonly restarting: boolean;
  readonly cooling: boolean;
  readonly startedAt: string | null;
  readonly cooldownEndsAt: string | null;
}

const COOLDOWN_MS = 60_000;
const api = useApi();
const uncooled = useApi({ settings: { RESTART_COOLDOWN_MS: 0 } });
const gate = async (id: string, of = api) => (await of.ask<RestartingBody>("GET", `/workspaces/${id}/restarting`)).json;

const CLOSED = { restarting: false, cooling: false, startedAt: null, cooldownEndsAt: null };

describe("GET /workspaces/{id}/restarting", () => {
  test("is false for a workspace that was never restarted", async () => {
    const id = await api.workspace();
    expect(await gate(id)).toEqual(CLOSED);
  });

  test("is false while a restart is only owed", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    expect(await gate(id)).toEqual(CLOSED);
  });

  test("is true while a cycle runs, with its start and the end of the cooldown", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const { cycle } = await api.begin(id);
    const startedAt = new Date(cycle.startedAt).toISOString();
    const cooldownEndsAt = new Date(cycle.startedAt + COOLDOWN_MS).toISOString();
    expect(await gate(id)).toEqual({ restarting: true, cooling: true, startedAt, cooldownEndsAt });
  });

  test.each([
    ["well", { outcome: "ok" }],
    ["badly", { outcome: "failed", error: "no image", retryable: false }],
  ] as const)("is cooling after one that ended %s, counted from its start", async (_, result) => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    await lease.end(result);
    const startedAt = new Date(lease.cycle.startedAt).toISOString();
    const cooldownEndsAt = new Date(lease.cycle.startedAt + COOLDOWN_MS).toISOString();
    expect(await gate(id)).toEqual({ restarting: false, cooling: true, startedAt, cooldownEndsAt });
  });

  test("is false at once after a cycle where there is no cooldown", async () => {
    const id = await uncooled.workspace();
    await uncooled.trigger(id, { source: "file-write" });
    const lease = await uncooled.begin(id);
    const startedAt = new Date(lease.cycle.startedAt).toISOString();
    expect(await gate(id, uncooled)).toEqual({ restarting: true, cooling: false, startedAt, cooldownEndsAt: null });
    await lease.end({ outcome: "ok" });
    expect(await gate(id, uncooled)).toEqual(CLOSED);
  });

  test("begins again with the next cycle", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    await api.cycle(id);
    const before = await gate(id);
    await api.post(id, "restart");
    const lease = await api.begin(id);
    const after = await gate(id);
    expect(after).toMatchObject({ restarting: true, startedAt: new Date(lease.cycle.startedAt).toISOString() });
    expect(after.cooldownEndsAt?.localeCompare(before.cooldownEndsAt ?? "")).toBeGreaterThanOrEqual(0);
  });

  test("keeps telling the restart's start after a stop, and while a failed one waits for its retry", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    const times = {
      startedAt: new Date(lease.cycle.startedAt).toISOString(),
      cooldownEndsAt: new Date(lease.cycle.startedAt + COOLDOWN_MS).toISOString(),
    };
    await lease.end({ outcome: "failed", error: "busy", retryable: true });
    expect(await gate(id)).toEqual({ restarting: false, cooling: true, ...times });
    await api.post(id, "pause");
    await api.cycle(id);
    expect(await gate(id)).toEqual({ restarting: false, cooling: true, ...times });
  });

  test("is what the probes are judged by", async () => {
    const id = await api.workspace();
    const probe = async () => (await api.trigger(id, { source: "liveness-offline" })).json;
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    expect(await probe()).toMatchObject({ decision: "dropped", rule: "running" });
    await lease.end({ outcome: "ok" });
    expect(await probe()).toMatchObject({ decision: "dropped", rule: "cooldown" });
    expect((await api.state(id)).restart.why).toEqual([]);
  });
});
