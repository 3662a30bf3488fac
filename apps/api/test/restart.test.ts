import { describe, expect, test } from "vitest";
import { type ReceiptBody, TOKENS, useApi } from "./support/api.ts";

const api = useApi();
const restart = (id: string, body?: Record<string, unknown>) => api.post<ReceiptBody>(id, "restart", body);

describe("a restart by hand", () => {
  test("is due now: 202 with the receipt of a manual trigger", async () => {
    const id = await api.workspace();
    const { status, json } = await restart(id);
    expect(status).toBe(202);
    expect(json).toMatchObject({
      workspaceId: id,
      source: "manual",
      decision: "fired",
      rule: "window",
      duringCycle: false,
    });
    expect((await api.state(id)).restart.why).toMatchObject([
      { source: "manual", count: 1, reasons: ["asked for by hand"], actors: ["admin"] },
    ]);
    await api.cycle(id);
  });

  test("takes a reason and an actor", async () => {
    const id = await api.workspace();
    const body = { reason: "stuck", actor: "ann" };
    await api.ask("POST", `/workspaces/${id}/restart`, { body, token: TOKENS.trigger });
    expect((await api.state(id)).restart.why[0]).toMatchObject({ reasons: ["stuck"], actors: ["ann via trigger"] });
  });

  test("does not wait for the cooldown", async () => {
    const id = await api.workspace();
    await restart(id);
    await api.cycle(id);
    expect((await restart(id)).json).toMatchObject({ decision: "fired", rule: "window" });
    await api.cycle(id);
  });

  test("takes along what waits for quiet", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "secret-change" });
    expect((await restart(id)).json.decision).toBe("fired");
    const lease = await api.begin(id);
    expect(lease.cycle.covers.map(({ source }) => source).sort()).toEqual(["manual", "secret-change"]);
  });

  test.each([{}, { force: true }, { force: false }])(
    "while a cycle runs is covered by the next one: %j",
    async (body) => {
      const id = await api.workspace();
      await restart(id);
      const lease = await api.begin(id);
      const { status, json } = await restart(id, body);
      expect({ status, json }).toMatchObject({
        status: 202,
        json: { decision: "coalesced", rule: "running", duringCycle: true },
      });
      expect(await lease.end({ outcome: "ok" })).toMatchObject({ what: "ok", dueAt: expect.any(Number) });
      await api.cycle(id);
      expect(await api.cycles.begin(id)).toEqual({ kind: "idle" });
    },
  );

  test("twice before it begins is one cycle", async () => {
    const id = await api.workspace();
    expect([(await restart(id)).json.rule, (await restart(id)).json.rule]).toEqual(["window", "pending"]);
    await api.cycle(id);
    expect(await api.cycles.begin(id)).toEqual({ kind: "idle" });
  });

  test("brings back a workspace whose restarts have failed for good", async () => {
    const id = await api.workspace();
    await restart(id);
    await api.cycle(id, { outcome: "failed", error: "no image", retryable: false });
    const failed = await api.state(id);
    expect(failed).toMatchObject({
      status: "failed",
      restart: { phase: "failed", breakerOpen: true, failures: 1, dueAt: null },
    });
    expect(failed.restart.lastCycle).toMatchObject({ outcome: "failed", error: "no image" });
    expect((await restart(id)).json).toMatchObject({ decision: "fired", rule: "window" });
    await api.cycle(id);
    expect(await api.state(id)).toMatchObject({ status: "online", restart: { phase: "idle", breakerOpen: false } });
  });

  test("does not wait for the backoff of a failed one", async () => {
    const id = await api.workspace();
    await restart(id);
    await api.cycle(id, { outcome: "failed", error: "busy", retryable: true });
    expect((await api.state(id)).restart).toMatchObject({ phase: "backoff", failures: 1 });
    expect((await restart(id)).json.decision).toBe("fired");
    const lease = await api.begin(id);
    expect(lease.cycle).toMatchObject({ how: "new", covers: [{ source: "manual", count: 2 }] });
  });
});

describe("is refused with 409, the rule and the receipt", () => {
  const cases: readonly (readonly [rule: string, prepare: (id: string) => Promise<unknown>])[] = [
    ["paused", (id) => api.post(id, "pause")],
    ["hibernated", (id) => api.post(id, "hibernate")],
    ["external", (id) => api.ask("PUT", `/workspaces/${id}`, { body: { runtime: "external" } })],
    ["removed", (id) => api.ask("DELETE", `/workspaces/${id}`)],
    [
      "parent-paused",
      async (id) => {
        const parent = await api.workspace();
        await api.post(parent, "pause");
        await api.ask("PUT", `/workspaces/${id}`, { body: { parentId: parent } });
      },
    ],
  ];

  test.each(cases)("%s, whether forced or not", async (rule, prepare) => {
    const id = await api.workspace();
    await prepare(id);
    for (const body of [undefined, { force: true }]) {
      const { status, json } = await api.post(id, "restart", body);
      expect({ status, json }).toMatchObject({
        status: 409,
        json: { type: "refused", title: "Refused", rule, detail: `workspace ${id} may not be restarted: ${rule}` },
      });
      expect(json.receipt).toMatchObject({ workspaceId: id, source: "manual", decision: "refused", rule, dueAt: null });
    }
    expect((await api.state(id)).restart.why).toEqual([]);
  });

  test.each(cases)("%s; any other trigger is a 202 whose receipt says so", async (rule, prepare) => {
    const id = await api.workspace();
    await prepare(id);
    const { status, json } = await api.trigger(id, { source: "file-write" });
    expect({ status, json }).toMatchObject({ status: 202, json: { decision: "refused", rule, dueAt: null } });
  });
});

describe("a hold", () => {
  test("refuses it, and says how to go on", async () => {
    const id = await api.workspace();
    await api.post(id, "hold");
    const { status, json } = await api.post(id, "restart");
    expect({ status, json }).toMatchObject({
      status: 409,
      json: { rule: "held", receipt: { decision: "refused", rule: "held" } },
    });
    expect(json.detail).toBe(`workspace ${id} may not be restarted: held; release it, or send force`);
    expect((await api.state(id)).restart.why).toEqual([]);
  });

  test("is overridden by force: the cycle begins, and the hold stays", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    await api.post(id, "hold");
    expect(await restart(id, { force: true })).toMatchObject({
      status: 202,
      json: { decision: "fired", rule: "window" },
    });
    await api.cycle(id);
    expect((await api.state(id)).restart.phase).toBe("held");
    expect((await api.trigger(id, { source: "file-write" })).json).toMatchObject({
      decision: "coalesced",
      rule: "held",
    });
  });
});
