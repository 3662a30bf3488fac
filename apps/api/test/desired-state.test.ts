import { describe, expect, test } from "vitest";
import { TOKENS, useApi } from "./support/api.ts";

interface DesiredBody {
  readonly id: string;
  readonly desired: string;
  readonly generation: number;
  readonly changed: boolean;
}

const api = useApi();
const ask = (id: string, verb: string, body?: Record<string, unknown>) => api.post<DesiredBody>(id, verb, body);

const PAIRS = [
  ["pause", "resume", "paused"],
  ["hibernate", "wake", "hibernated"],
] as const;

describe.each(PAIRS)("%s and %s", (stop, start, status) => {
  test("stop it by a cycle and start it again by one", async () => {
    const id = await api.workspace();
    const stopped = await ask(id, stop);
    expect(stopped.status).toBe(202);
    expect(stopped.json).toEqual({ id, desired: status, generation: expect.any(Number), changed: true });
    expect(await api.state(id)).toMatchObject({
      status,
      restart: { phase: "scheduled", generation: stopped.json.generation },
    });
    const lease = await api.begin(id);
    expect(lease.cycle.action).toBe("stop");
    await lease.end({ outcome: "ok" });
    expect(await api.state(id)).toMatchObject({ status, restart: { phase: "idle", lastCycle: { outcome: "ok" } } });

    const started = await ask(id, start);
    expect(started.json).toEqual({ id, desired: "running", generation: expect.any(Number), changed: true });
    expect(started.json.generation).toBeGreaterThan(stopped.json.generation);
    const again = await api.begin(id);
    expect(again.cycle.action).toBe("restart");
    await again.end({ outcome: "ok" });
    expect(await api.state(id)).toMatchObject({ status: "online", restart: { phase: "idle" } });
  });

  test("twice changes nothing the second time", async () => {
    const id = await api.workspace();
    for (const verb of [stop, start]) {
      const first = await ask(id, verb);
      const state = await api.state(id);
      const second = await ask(id, verb);
      expect(second).toMatchObject({ status: 202, json: { ...first.json, changed: false } });
      expect(await api.state(id)).toEqual(state);
    }
    const told = (await api.activity(id)).map(({ event }) => event);
    expect(told).toEqual(["WORKSPACE_RESUMED", "WORKSPACE_PAUSED"]);
  });

  test(`${start} of one that runs changes nothing`, async () => {
    const id = await api.workspace();
    expect((await ask(id, start)).json).toMatchObject({ desired: "running", changed: false });
    expect(await api.activity(id)).toEqual([]);
  });

  test("keep what is owed, and the cycle that starts it again covers it", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    await ask(id, stop);
    await api.cycle(id);
    expect((await api.state(id)).restart.why).toMatchObject([{ source: "file-write", count: 1 }]);
    expect(await api.cycles.begin(id)).toEqual({ kind: "idle" });
    await ask(id, start);
    const lease = await api.begin(id);
    expect(lease.cycle.covers).toMatchObject([{ source: "file-write", count: 1 }]);
    await lease.end({ outcome: "ok" });
    const { restart } = await api.state(id);
    expect(restart.observedGeneration).toBe(restart.generation);
  });

  test("the reason and the actor are told", async () => {
    const id = await api.workspace();
    for (const verb of [stop, start]) {
      await api.ask("POST", `/workspaces/${id}/${verb}`, { token: TOKENS.operate, body: { reason: `to ${verb}` } });
      const [event] = await api.activity(id);
      expect(event?.payload).toMatchObject({ actor: "operate", reason: `to ${verb}` });
    }
  });

  test("ask a running cycle to stop", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    await ask(id, stop);
    await lease.record("{}");
    expect(lease.stopAsked).toBe(true);
    expect((await lease.end({ outcome: "canceled" })).kind).toBe("ended");
    expect(await api.state(id)).toMatchObject({ status, restart: { why: [{ source: "file-write" }] } });
    expect((await api.begin(id)).cycle.action).toBe("stop");
  });

  test("do not wait for hold, cooldown or breaker", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    await api.cycle(id, { outcome: "failed", error: "no image", retryable: false });
    await api.post(id, "hold");
    await ask(id, stop);
    await api.cycle(id);
    await ask(id, start);
    await api.cycle(id);
    expect(await api.state(id)).toMatchObject({ status: "online", restart: { breakerOpen: false } });
  });
});

describe("what does not belong together answers 409 and says what does", () => {
  test.each([
    ["pause", "wake", "paused", "resume"],
    ["hibernate", "resume", "hibernated", "wake"],
  ])("%s, then %s", async (stop, wrong, status, right) => {
    const id = await api.workspace();
    await api.post(id, stop);
    const answer = await api.post(id, wrong);
    expect(answer).toMatchObject({ status: 409, json: { type: "conflict", title: "Conflict", rule: status } });
    expect(answer.json.detail).toBe(`workspace ${id} is ${status}: POST /workspaces/${id}/${right}`);
    expect((await api.state(id)).status).toBe(status);
  });

  test("though a cycle runs and the status is provisioning, what is paused is not woken", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    await api.post(id, "pause");
    expect((await api.state(id)).status).toBe("provisioning");
    const answer = await api.post(id, "wake");
    expect(answer).toMatchObject({ status: 409, json: { type: "conflict", rule: "paused" } });
    await lease.end({ outcome: "canceled" });
    expect((await api.begin(id)).cycle.action).toBe("stop");
  });

  test.each(["pause", "resume", "hibernate", "wake"])("%s of a workspace that is not run from here", async (verb) => {
    const id = await api.workspace({ runtime: "external" });
    const { status, json } = await api.post(id, verb);
    expect({ status, json }).toMatchObject({ status: 409, json: { type: "conflict", rule: "external" } });
    expect(json.detail).toBe(`workspace ${id} is external: it is not run from here`);
  });
});

test.each([
  ["hibernate", "pause", "paused", "resume"],
  ["pause", "hibernate", "hibernated", "wake"],
])("one may follow the other: %s, then %s", async (first, second, status, start) => {
  const id = await api.workspace();
  await api.post(id, first);
  await api.cycle(id);
  expect((await ask(id, second)).json).toMatchObject({ desired: status, changed: true });
  expect((await api.state(id)).status).toBe(status);
  expect((await ask(id, start)).json).toMatchObject({ desired: "running", changed: true });
});

test("many at the same time end in one of the states asked for", async () => {
  const id = await api.workspace();
  const asked = ["pause", "hibernate", "pause", "hibernate", "pause"].map((verb) => ask(id, verb));
  const generations = (await Promise.all(asked)).map(({ json }) => json.generation);
  const { status, restart } = await api.state(id);
  expect(["paused", "hibernated"]).toContain(status);
  expect(restart.generation).toBe(Math.max(...generations));
});
