import { describe, expect, test } from "vitest";
import { TOKENS, useApi } from "./support/api.ts";

const api = useApi();
const HOUR_MS = 3_600_000;
const as = (id: string, verb: string, body?: Record<string, unknown>) =>
  api.ask<Record<string, unknown>>("POST", `/workspaces/${id}/${verb}`, { token: TOKENS.operate, body });

/** A workspace that is owed a restart, which waits for quiet. */
async function owed(): Promise<string> {
  const id = await api.workspace();
  await api.trigger(id, { source: "secret-change", reason: "rotated" });
  return id;
}

const told = async (id: string, name: string) => (await api.activity(id)).filter(({ event }) => event === name);

describe("hold", () => {
  test.each([
    ["an hour by default", undefined, HOUR_MS],
    ["as long as asked", { holdMs: 90_000 }, 90_000],
    ["a second at least", { holdMs: 1_000 }, 1_000],
    ["a week at most", { holdMs: 168 * HOUR_MS }, 168 * HOUR_MS],
  ])("is for %s", async (_, body, holdMs) => {
    const id = await api.workspace();
    const before = Date.now();
    const { status, json } = await as(id, "hold", body);
    expect(status).toBe(202);
    expect(json).toEqual({
      id,
      hold: "operate",
      owner: "operate",
      endsAt: json.heldUntil,
      heldUntil: expect.any(String),
    });
    const until = Date.parse(String(json.heldUntil));
    expect(until).toBeGreaterThanOrEqual(before + holdMs);
    expect(until).toBeLessThanOrEqual(Date.now() + holdMs);
  });

  test("lets triggers pile up, and nothing begins", async () => {
    const id = await owed();
    const { json } = await as(id, "hold");
    for (const source of ["file-write", "manual", "startup"]) {
      const receipt = (await api.trigger(id, { source })).json;
      expect(receipt).toMatchObject({ decision: "coalesced", rule: "held", dueAt: json.heldUntil });
    }
    expect(await api.cycles.begin(id)).toMatchObject({ kind: "not-due" });
    expect((await api.state(id)).restart).toMatchObject({ phase: "held", dueAt: json.heldUntil });
  });

  test("leaves a running cycle alone", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    await as(id, "hold");
    await lease.record("{}");
    expect(lease.stopAsked).toBe(false);
    expect(await lease.end({ outcome: "ok" })).toMatchObject({ what: "ok" });
  });

  test("again sets the time anew, also to earlier", async () => {
    const id = await api.workspace();
    await as(id, "hold");
    const { json } = await as(id, "hold", { holdMs: 1_000 });
    expect((await api.state(id)).restart.heldUntil).toBe(json.heldUntil);
  });

  test("belongs to its token: that of another stands beside it, and its name is taken", async () => {
    const id = await api.workspace();
    const { json: mine } = await as(id, "hold", { reason: "deploy" });
    const body = { holdMs: 2_000, hold: "demo" };
    const { json: theirs } = await api.post<Record<string, unknown>>(id, "hold", body);
    expect(theirs).toMatchObject({ hold: "demo", owner: "admin", heldUntil: mine.heldUntil });
    const { restart } = await api.state(id);
    expect(restart).toMatchObject({
      heldUntil: mine.heldUntil,
      holds: [
        { id: "operate", owner: "operate", reason: "deploy", endsAt: mine.endsAt },
        { id: "demo", owner: "admin", reason: null, endsAt: theirs.endsAt },
      ],
    });
    expect(await as(id, "hold", { hold: "demo" })).toMatchObject({
      status: 409,
      json: { rule: "held", detail: `this hold of ${id} is admin's: give yours another name (\`hold\`)` },
    });
  });

  test("beyond 32 of them answers 409", async () => {
    const id = await api.workspace();
    const statuses = [];
    for (let n = 0; n <= 32; n += 1) statuses.push((await as(id, "hold", { hold: `h${n}` })).status);
    expect(statuses).toEqual([...Array(32).fill(202), 409]);
  });

  test("is told with reason, actor and end", async () => {
    const id = await api.workspace();
    const { json } = await as(id, "hold", { reason: "deploy" });
    const { heldUntil } = json;
    expect((await told(id, "WORKSPACE_HELD"))[0]?.payload).toMatchObject({
      actor: "operate",
      reason: "deploy",
      heldUntil,
    });
  });
});

describe("release", () => {
  test("ends a hold; what piled up is due as if there had been none", async () => {
    const id = await api.workspace();
    await as(id, "hold");
    await api.trigger(id, { source: "file-write" });
    await api.trigger(id, { source: "secret-change" });
    expect(await as(id, "release")).toMatchObject({
      status: 202,
      json: { id, released: true, heldUntil: null, holds: [] },
    });
    expect((await api.state(id)).restart).toMatchObject({ phase: "scheduled", heldUntil: null });
    const lease = await api.begin(id);
    expect(lease.cycle.covers).toHaveLength(2);
    expect((await told(id, "WORKSPACE_RELEASED"))[0]?.payload).toMatchObject({ actor: "operate" });
  });

  test("ends one's own holds; a named one, and all, whoever's they are", async () => {
    const id = await api.workspace();
    await as(id, "hold");
    for (const hold of ["a", "b", "c"]) await api.post(id, "hold", { hold });
    const heldUntil = (await api.state(id)).restart.heldUntil;
    const left = (...ids: string[]) => ({ holds: ids.map((each) => ({ id: each })), heldUntil });
    expect((await as(id, "release")).json).toMatchObject({ released: true, ...left("a", "b", "c") });
    expect((await as(id, "release")).json).toMatchObject({ released: false, ...left("a", "b", "c") });
    expect((await as(id, "release", { hold: "a" })).json).toMatchObject({ released: true, ...left("b", "c") });
    expect((await as(id, "release", { all: true, hold: "b" })).status).toBe(400);
    expect((await as(id, "release", { all: true })).json).toEqual({ id, released: true, heldUntil: null, holds: [] });
  });

  test("of what is not held changes nothing", async () => {
    const id = await owed();
    const before = await api.state(id);
    expect(await as(id, "release")).toMatchObject({
      status: 202,
      json: { id, released: false, heldUntil: null, holds: [] },
    });
    expect(await api.state(id)).toEqual(before);
    expect(await told(id, "WORKSPACE_RELEASED")).toEqual([]);
  });
});

describe("cancel", () => {
  test("drops what is owed, and says how many triggers that were", async () => {
    const id = await owed();
    await api.trigger(id, { source: "file-write" });
    await api.trigger(id, { source: "file-write" });
    const { status, json } = await as(id, "cancel", { reason: "never mind" });
    expect({ status, json }).toEqual({ status: 202, json: { id, canceled: 3, stopping: false } });
    const { restart } = await api.state(id);
    expect(restart).toMatchObject({ phase: "idle", why: [], dueAt: null });
    expect(restart.observedGeneration).toBe(restart.generation);
    expect(await api.cycles.begin(id)).toEqual({ kind: "idle" });
    expect((await told(id, "WORKSPACE_RESTART_CANCELED"))[0]?.payload).toMatchObject({
      actor: "operate",
      reason: "never mind",
      triggers: 3,
    });
  });

  test("of nothing changes nothing", async () => {
    const id = await api.workspace();
    expect(await as(id, "cancel")).toMatchObject({ status: 202, json: { id, canceled: 0, stopping: false } });
    expect(await api.activity(id)).toEqual([]);
  });

  test("asks a running cycle to stop; where it does, nothing is owed any more", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    await api.trigger(id, { source: "file-write" });
    const { cycleId } = lease.cycle;
    expect((await as(id, "cancel")).json).toEqual({ id, canceled: 1, stopping: true, cycleId });
    expect((await as(id, "cancel")).json).toEqual({ id, canceled: 0, stopping: true, cycleId });
    await lease.record("{}");
    expect(lease.stopAsked).toBe(true);
    await lease.end({ outcome: "canceled" });
    const { restart } = await api.state(id);
    expect(restart).toMatchObject({ phase: "idle", why: [], lastCycle: { outcome: "canceled" } });
    expect(restart.observedGeneration).toBe(restart.generation);
  });

  test("of a cycle that ends well all the same leaves it well", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    await as(id, "cancel");
    await lease.end({ outcome: "ok" });
    expect(await api.state(id)).toMatchObject({
      status: "online",
      restart: { phase: "idle", lastCycle: { outcome: "ok", cancelTooLate: true } },
    });
    expect((await told(id, "WORKSPACE_ONLINE"))[0]?.payload).toMatchObject({ cancelTooLate: true });
  });

  test("ends the waiting for a retry", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    await api.cycle(id, { outcome: "failed", error: "busy", retryable: true });
    expect((await as(id, "cancel")).json).toEqual({ id, canceled: 1, stopping: false });
    expect((await api.state(id)).restart).toMatchObject({
      phase: "idle",
      failures: 0,
      lastCycle: { outcome: "canceled" },
    });
  });
});

describe("flush", () => {
  test("makes what is owed due now: 202", async () => {
    const id = await owed();
    expect(await api.cycles.begin(id)).toMatchObject({ kind: "not-due" });
    expect(await as(id, "flush")).toMatchObject({ status: 202, json: { id, flushed: true } });
    await api.cycle(id);
    expect((await told(id, "WORKSPACE_RESTART_FLUSHED"))[0]?.payload).toMatchObject({ actor: "operate" });
  });

  test("waits for no cooldown and no backoff", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    await api.cycle(id);
    await api.trigger(id, { source: "file-write" });
    expect((await as(id, "flush")).status).toBe(202);
    await api.cycle(id, { outcome: "failed", error: "busy", retryable: true });
    expect((await as(id, "flush")).status).toBe(202);
    expect((await api.begin(id)).cycle).toMatchObject({ how: "retry", attempt: 2 });
  });

  test("while a cycle runs, what came since is due when it ends", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    await api.trigger(id, { source: "secret-change" });
    expect((await as(id, "flush")).status).toBe(202);
    await lease.end({ outcome: "ok" });
    await api.cycle(id);
  });

  test("where nothing is owed answers 200 and begins nothing", async () => {
    const id = await api.workspace();
    expect(await as(id, "flush")).toMatchObject({ status: 200, json: { id, flushed: false } });
    expect(await api.cycles.begin(id)).toEqual({ kind: "idle" });
    expect(await api.activity(id)).toEqual([]);
  });

  test("while held answers 409, and stays owed", async () => {
    const id = await owed();
    await as(id, "hold");
    const { status, json } = await as(id, "flush");
    expect({ status, json }).toMatchObject({ status: 409, json: { type: "conflict", rule: "held" } });
    expect(json.detail).toBe(`workspace ${id} cannot be flushed: held`);
    expect((await api.state(id)).restart.why).toHaveLength(1);
  });

  test.each([
    ["pause", "paused"],
    ["hibernate", "hibernated"],
  ])("after %s answers 409 with the rule", async (verb, rule) => {
    const id = await owed();
    await as(id, verb);
    expect(await as(id, "flush")).toMatchObject({ status: 409, json: { rule } });
  });
});

describe("every verb is recorded with its actor, and asked again changes nothing more", () => {
  test.each([
    ["hold", "WORKSPACE_HELD"],
    ["release", "WORKSPACE_RELEASED"],
    ["flush", "WORKSPACE_RESTART_FLUSHED"],
    ["cancel", "WORKSPACE_RESTART_CANCELED"],
    ["pause", "WORKSPACE_PAUSED"],
    ["resume", "WORKSPACE_RESUMED"],
    ["hibernate", "WORKSPACE_PAUSED"],
    ["wake", "WORKSPACE_RESUMED"],
  ])("%s", async (verb, event) => {
    const id = await owed();
    const before: Readonly<Record<string, string>> = { release: "hold", resume: "pause", wake: "hibernate" };
    const first = before[verb];
    if (first !== undefined) await as(id, first);
    expect((await as(id, verb)).status).toBe(202);
    const once = await api.state(id);
    expect([200, 202]).toContain((await as(id, verb)).status);
    const twice = await api.state(id);
    // A hold that is asked for again begins anew.
    const { heldUntil: _, dueAt: __, holds: ___, ...rest } = twice.restart;
    expect(once.restart).toMatchObject(rest);
    expect(twice.status).toBe(once.status);
    for (const { payload } of await told(id, event)) expect(payload).toMatchObject({ actor: "operate" });
    expect((await told(id, event)).length).toBeGreaterThan(0);
  });
});
