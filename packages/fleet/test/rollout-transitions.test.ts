/** Every transition of a rollout, with the time as an argument. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Rollout, type RolloutRequest, Rollouts } from "../src/index.ts";
import { fieldsOf } from "../src/rollout-record.ts";
import type { MemberRecord } from "../src/rollout-types.ts";
import { useRedis } from "./support/redis.ts";

const { redis, prefix } = useRedis();

const START = 1_000_000;
const LEASE_MS = 10_000;
let now = START;
let count = 0;
let rollouts: Rollouts;
let id = "";

beforeEach(() => {
  now = START;
  count += 1;
  id = "r1";
  rollouts = new Rollouts({ redis, prefix: `${prefix}-${count}`, leaseMs: LEASE_MS });
});

const names = (total: number) => Array.from({ length: total }, (_, n) => `w${n}`);

/** Creates a rollout of so many workspaces; `undefined`: of those a selector matches. */
async function create(total: number | undefined, request: Partial<RolloutRequest> = {}, body = "body") {
  const whole = { source: "manual", actor: "ops", maxConcurrent: 2, splayMs: 0, ...request };
  const fields = { ...fieldsOf(whole), body, keepMs: "60000" };
  const ids = total === undefined ? undefined : names(total);
  return rollouts.transitions.create({ id, fields, ids, mostActive: 3, now });
}

async function claim(owner = "me"): Promise<number> {
  const reply = await rollouts.transitions.claim({ id, owner, now });
  if (reply.kind !== "claimed") throw new Error(`expected to advance ${id}, it is ${reply.kind}`);
  return reply.fence;
}

async function state(): Promise<Rollout> {
  const rollout = await rollouts.get(id);
  if (rollout === undefined) throw new Error(`no rollout ${id}`);
  return rollout;
}

const pick = (fence: number) => rollouts.transitions.pick({ id, fence, now });
const settle = (fence: number, workspaceId: string, member: MemberRecord) =>
  rollouts.transitions.settle({ id, fence, workspaceId, member, now });
const steer = (verb: "pause" | "resume" | "abort", reason?: string) =>
  rollouts.transitions.steer({ id, verb, actor: "ops", reason, now });

/** Picks as many as may start now. */
async function pickAll(fence: number): Promise<string[]> {
  const picked: string[] = [];
  for (;;) {
    const reply = await pick(fence);
    if (reply.kind !== "picked") return picked;
    picked.push(reply.workspaceId);
  }
}

async function events(): Promise<[event: string, payload: Record<string, unknown>][]> {
  const entries = await redis.xrange(rollouts.keys.of("events"), "-", "+");
  return entries.map(([, fields]) => [String(fields[1]), JSON.parse(String(fields[7]))]);
}
const eventNames = async () => (await events()).map(([event]) => event);

describe("create", () => {
  test("with ids starts at once, in their order, and says so", async () => {
    expect(await create(3, { reason: "new image" })).toEqual({ kind: "created" });
    expect(await state()).toMatchObject({
      state: "running",
      createdAt: START,
      startedAt: START,
      counts: { total: 3, waiting: 3, running: 0, done: 0, failed: 0, skipped: 0 },
    });
    expect(await events()).toMatchObject([
      ["ROLLOUT_STARTED", { rollout: "r1", total: 3, waiting: 3, actor: "ops", reason: "new image" }],
    ]);
    expect(await pickAll(await claim())).toEqual(["w0", "w1"]);
  });

  test("of nobody is finished at once", async () => {
    await create(0);
    expect(await state()).toMatchObject({ state: "finished", endedAt: START });
    expect(await rollouts.active()).toEqual([]);
  });

  test("again finds the first, whatever has become of it; with another body it is a conflict", async () => {
    await create(3);
    await steer("abort");
    expect(await create(3)).toEqual({ kind: "exists", isSame: true });
    expect(await create(3, {}, "other")).toEqual({ kind: "exists", isSame: false });
    expect((await state()).state).toBe("aborted");
  });

  test("leaves the list of members to whom it names, for a lease", async () => {
    const request = { source: "manual", actor: "ops", maxConcurrent: 2, splayMs: 0 };
    const fields = { ...fieldsOf(request), body: "body", keepMs: "60000" };
    await rollouts.transitions.create({ id, fields, ids: undefined, mostActive: 3, owner: "api", now });
    expect((await rollouts.transitions.claim({ id, owner: "worker", now })).kind).toBe("busy");
    const fence = await claim("api");
    now += LEASE_MS;
    expect(await claim("worker")).toBeGreaterThan(fence);
  });

  test("is refused when too many are active", async () => {
    for (const one of ["a", "b", "c"]) {
      id = one;
      await create(1);
    }
    id = "d";
    expect(await create(1)).toEqual({ kind: "too-many", active: 3 });
  });
});

describe("claim", () => {
  test("gives the rollout to one, until it has said nothing for a lease", async () => {
    await create(2);
    const first = await claim("a");
    expect((await rollouts.transitions.claim({ id, owner: "b", now })).kind).toBe("busy");
    now += LEASE_MS - 1;
    expect(await claim("a")).toBe(first);
    now += LEASE_MS - 1;
    expect((await rollouts.transitions.claim({ id, owner: "b", now })).kind).toBe("busy");
    now += 1;
    expect(await claim("b")).toBeGreaterThan(first);
  });

  test("fences out whoever had it before, in every transition", async () => {
    await create(2);
    const stale = await claim("a");
    expect(await pick(stale)).toEqual({ kind: "picked", workspaceId: "w0" });
    now += LEASE_MS;
    const fence = await claim("b");
    expect((await pick(stale)).kind).toBe("lost");
    expect((await settle(stale, "w0", { status: "failed" })).kind).toBe("lost");
    const member: MemberRecord = { status: "running", triggerId: "t" };
    expect(await rollouts.transitions.note({ id, fence: stale, workspaceId: "w0", member, now })).toBe("lost");
    expect(await settle(fence, "w0", { status: "done" })).toMatchObject({ kind: "settled" });
  });

  test("is prolonged by every step", async () => {
    await create(3, { maxConcurrent: 1 });
    const fence = await claim("a");
    now += LEASE_MS - 1;
    await pick(fence);
    now += LEASE_MS - 1;
    expect((await rollouts.transitions.claim({ id, owner: "b", now })).kind).toBe("busy");
  });

  test("is free at once after leaving", async () => {
    await create(2);
    const fence = await claim("a");
    await rollouts.transitions.leave({ id, fence });
    expect(await claim("b")).toBeGreaterThan(fence);
  });

  test("finds nothing to do once it is over, and takes it off the active ones", async () => {
    await create(1);
    await redis.sadd(rollouts.keys.of("active"), "gone", id);
    await steer("abort");
    for (const one of [id, "gone"]) {
      expect((await rollouts.transitions.claim({ id: one, owner: "a", now })).kind).toBe("resting");
    }
    expect(await rollouts.active()).toEqual([]);
  });
});

describe("freeze", () => {
  const freeze = (fence: number, cursor: string, nextCursor: string | undefined, ids: string[], most = 100) =>
    rollouts.transitions.freeze({ id, fence, cursor, nextCursor, ids, most, now });

  test("builds the list page by page, a page once, and starts with the last", async () => {
    await create(undefined, { selector: { all: true } });
    const fence = await claim();
    expect((await state()).state).toBe("preparing");
    expect(await pick(fence)).toMatchObject({ kind: "nothing", state: "preparing" });
    expect(await freeze(fence, "", "b", ["a", "b"])).toEqual({ kind: "frozen", total: 2 });
    // Whoever died after it takes the page again.
    expect(await freeze(fence, "", "b", ["a", "b"])).toEqual({ kind: "known" });
    expect(await freeze(fence, "b", "c", [])).toEqual({ kind: "frozen", total: 2 });
    expect(await freeze(fence, "c", undefined, ["d"])).toEqual({ kind: "frozen", total: 3 });
    expect(await freeze(fence, "", undefined, ["e"])).toEqual({ kind: "known" });
    expect(await state()).toMatchObject({ state: "running", counts: { total: 3 } });
    expect((await rollouts.members(id, { cursor: 0, limit: 10 })).members.map((one) => one.workspaceId)).toEqual([
      "a",
      "b",
      "d",
    ]);
  });

  test("goes on where a dead process left it", async () => {
    await create(undefined);
    await freeze(await claim("a"), "", "b", ["a", "b"]);
    now += LEASE_MS;
    const reply = await rollouts.transitions.claim({ id, owner: "b", now });
    expect(reply).toMatchObject({ kind: "claimed", fields: { cursor: "b" } });
  });

  test("goes on while paused, and resuming then starts it", async () => {
    await create(undefined);
    const fence = await claim();
    await steer("pause");
    await freeze(fence, "", undefined, ["a"]);
    expect(await pick(fence)).toMatchObject({ kind: "nothing", state: "paused" });
    await steer("resume");
    expect(await pick(fence)).toEqual({ kind: "picked", workspaceId: "a" });
  });

  test("a rollout paused and resumed while it is prepared is still being prepared", async () => {
    await create(undefined);
    await steer("pause");
    await steer("resume");
    expect((await state()).state).toBe("preparing");
  });

  test("of more workspaces than may be ends the rollout", async () => {
    await create(undefined);
    await freeze(await claim(), "", "c", ["a", "b", "c"], 2);
    expect(await state()).toMatchObject({ state: "aborted", stopped: { by: "size" } });
  });

  test("of none finishes it", async () => {
    await create(undefined);
    await freeze(await claim(), "", undefined, []);
    expect((await state()).state).toBe("finished");
  });
});

describe("pick", () => {
  test("lets no more run than maxConcurrent", async () => {
    await create(5, { maxConcurrent: 2 });
    const fence = await claim();
    expect(await pickAll(fence)).toEqual(["w0", "w1"]);
    expect(await pick(fence)).toEqual({ kind: "wait", until: undefined });
    await settle(fence, "w0", { status: "done" });
    expect(await pickAll(fence)).toEqual(["w2"]);
    expect((await state()).counts).toEqual({ total: 5, done: 1, running: 2, waiting: 2, failed: 0, skipped: 0 });
  });

  test("lets splayMs pass between two starts", async () => {
    await create(3, { maxConcurrent: 3, splayMs: 1_000 });
    const fence = await claim();
    expect((await pick(fence)).kind).toBe("picked");
    expect(await pick(fence)).toEqual({ kind: "wait", until: START + 1_000 });
    now += 999;
    expect((await pick(fence)).kind).toBe("wait");
    now += 1;
    expect((await pick(fence)).kind).toBe("picked");
  });

  test("lets the canaries come first, and the others once they have ended", async () => {
    await create(6, { maxConcurrent: 4, canary: { count: 2 } });
    const fence = await claim();
    expect(await pickAll(fence)).toEqual(["w0", "w1"]);
    await settle(fence, "w0", { status: "done" });
    expect(await pickAll(fence)).toEqual([]);
    await settle(fence, "w1", { status: "done" });
    expect(await pickAll(fence)).toEqual(["w2", "w3", "w4", "w5"]);
    expect(await eventNames()).toContain("ROLLOUT_CANARIES_PASSED");
  });

  test("takes another canary for one that was skipped", async () => {
    await create(4, { maxConcurrent: 4, canary: { count: 1 } });
    const fence = await claim();
    expect(await pickAll(fence)).toEqual(["w0"]);
    await settle(fence, "w0", { status: "skipped", rule: "paused" });
    expect(await pickAll(fence)).toEqual(["w1"]);
  });

  test("counts canaries by share, rounded up", async () => {
    await create(5, { maxConcurrent: 5, canary: { percent: 25 } });
    expect(await state()).toMatchObject({ canaries: { count: 2, passed: false } });
    expect(await pickAll(await claim())).toEqual(["w0", "w1"]);
  });

  test("finishes once all have ended, and the keys then expire", async () => {
    await create(2);
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w0", { status: "done" });
    expect((await state()).state).toBe("running");
    now += 5;
    await settle(fence, "w1", { status: "skipped", rule: "paused" });
    expect(await state()).toMatchObject({ state: "finished", endedAt: START + 5 });
    expect((await events()).at(-1)).toMatchObject(["ROLLOUT_FINISHED", { state: "finished", done: 1, skipped: 1 }]);
    expect(await rollouts.active()).toEqual([]);
    for (const role of ["rollout", "order", "members"] as const) {
      expect(await redis.pttl(rollouts.keys.ofRollout(role, id))).toBeGreaterThan(0);
    }
    expect(await redis.exists(rollouts.keys.ofRollout("running", id))).toBe(0);
  });
});

describe("settle", () => {
  test("counts a member once", async () => {
    await create(3);
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w0", { status: "done" });
    expect((await settle(fence, "w0", { status: "failed" })).kind).toBe("known");
    expect((await settle(fence, "w2", { status: "done" })).kind).toBe("known");
    expect((await state()).counts).toMatchObject({ done: 1, failed: 0 });
  });

  test("keeps when a member was picked and what is known of it", async () => {
    await create(1);
    const fence = await claim();
    await pickAll(fence);
    now += 10;
    await rollouts.transitions.note({
      id,
      fence,
      workspaceId: "w0",
      member: { status: "running", triggerId: "t" },
      now,
    });
    now += 10;
    await settle(fence, "w0", { status: "done", triggerId: "t", cycleId: "c1" });
    const { members } = await rollouts.members(id, { cursor: 0, limit: 1 });
    expect(members).toMatchObject([
      { workspaceId: "w0", status: "done", startedAt: START, endedAt: START + 20, triggerId: "t", cycleId: "c1" },
    ]);
    expect(await events()).toContainEqual([
      "ROLLOUT_WORKSPACE_SETTLED",
      expect.objectContaining({ status: "done", cycle: "c1", duration_ms: 20, done: 1, running: 0, waiting: 0 }),
    ]);
  });

  test("pauses once pauseOnFailure have failed; resumed, it goes on until as many more have", async () => {
    await create(8, { maxConcurrent: 1, pauseOnFailure: 2 });
    const fence = await claim();
    for (const one of ["w0", "w1"]) {
      expect((await state()).state).toBe("running");
      await pickAll(fence);
      await settle(fence, one, { status: "failed", error: "no" });
    }
    expect(await state()).toMatchObject({ state: "paused", stopped: { by: "failures", at: START } });
    expect(await pick(fence)).toEqual({ kind: "nothing", state: "paused" });
    await steer("resume");
    expect((await state()).stopped).toBeUndefined();
    await pickAll(fence);
    await settle(fence, "w2", { status: "failed" });
    expect((await state()).state).toBe("running");
    await pickAll(fence);
    await settle(fence, "w3", { status: "failed" });
    expect((await state()).state).toBe("paused");
  });

  test("pauses when a canary has failed", async () => {
    await create(4, { canary: { count: 1 } });
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w0", { status: "failed" });
    expect(await state()).toMatchObject({ state: "paused", stopped: { by: "canary" } });
    await steer("resume");
    expect(await pickAll(fence)).toEqual(["w1", "w2"]);
  });

  test("does not pause for a failure when nobody is left to start", async () => {
    await create(1, { pauseOnFailure: 1 });
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w0", { status: "failed" });
    expect((await state()).state).toBe("finished");
  });

  test("aborts when more have failed than the budget allows; those under way still end", async () => {
    await create(6, { maxConcurrent: 3, budget: { maxFailures: 0 } });
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w0", { status: "failed" });
    expect(await state()).toMatchObject({ state: "aborting", stopped: { by: "budget" } });
    await settle(fence, "w1", { status: "done" });
    await settle(fence, "w2", { status: "done" });
    expect(await state()).toMatchObject({ state: "aborted", counts: { done: 2, failed: 1, waiting: 3 } });
  });

  test("aborts when it takes longer than its budget, pauses included", async () => {
    await create(6, { maxConcurrent: 1, budget: { maxDurationMs: 1_000 } });
    const fence = await claim();
    await pickAll(fence);
    now += 500;
    await settle(fence, "w0", { status: "done" });
    await pickAll(fence);
    await steer("pause");
    now += 500;
    await steer("resume");
    expect((await pick(fence)).kind).toBe("nothing");
    expect((await state()).state).toBe("aborting");
    await settle(fence, "w1", { status: "done" });
    expect(await state()).toMatchObject({ state: "aborted", stopped: { by: "budget" } });
  });
});

describe("steer", () => {
  test("pauses: those under way end, nobody starts, and nobody need look once nothing runs", async () => {
    await create(4);
    const fence = await claim();
    await pickAll(fence);
    expect(await steer("pause", "lunch")).toEqual({ kind: "steered", changed: true });
    expect(await steer("pause")).toEqual({ kind: "steered", changed: false });
    expect(await state()).toMatchObject({
      state: "paused",
      stopped: { by: "person", actor: "ops", reason: "lunch", at: START },
    });
    await settle(fence, "w0", { status: "done" });
    expect(await claim()).toBe(fence);
    await settle(fence, "w1", { status: "done" });
    expect((await rollouts.transitions.claim({ id, owner: "me", now })).kind).toBe("resting");
    expect(await rollouts.active()).toEqual([]);
    expect(await steer("resume")).toEqual({ kind: "steered", changed: true });
    expect(await steer("resume")).toEqual({ kind: "steered", changed: false });
    expect(await rollouts.active()).toEqual([id]);
    expect(await pickAll(await claim())).toEqual(["w2", "w3"]);
    expect(await eventNames()).toEqual(expect.arrayContaining(["ROLLOUT_PAUSED", "ROLLOUT_RESUMED"]));
  });

  test("aborts at once when nothing is under way, else when that has ended", async () => {
    await create(3);
    await steer("abort");
    expect((await state()).state).toBe("aborted");
    id = "r2";
    await create(3);
    const fence = await claim();
    await pickAll(fence);
    expect(await steer("abort", "wrong image")).toEqual({ kind: "steered", changed: true });
    expect((await state()).state).toBe("aborting");
    expect(await steer("resume")).toEqual({ kind: "over", state: "aborting" });
    expect(await steer("abort")).toEqual({ kind: "steered", changed: false });
    await settle(fence, "w0", { status: "done" });
    await settle(fence, "w1", { status: "done" });
    expect(await state()).toMatchObject({ state: "aborted", stopped: { by: "person", reason: "wrong image" } });
    expect((await eventNames()).slice(-1)).toEqual(["ROLLOUT_FINISHED"]);
  });

  test("aborts a paused one, and one that is being prepared", async () => {
    await create(3);
    await steer("pause");
    await steer("abort");
    expect((await state()).state).toBe("aborted");
    id = "r2";
    await create(undefined);
    await steer("abort");
    expect((await state()).state).toBe("aborted");
  });

  test("refuses what is over, and what nobody knows", async () => {
    await create(0);
    for (const verb of ["pause", "resume", "abort"] as const) {
      expect(await steer(verb)).toEqual({ kind: "over", state: "finished" });
    }
    id = "none";
    expect(await steer("pause")).toEqual({ kind: "unknown" });
  });
});

describe("looking", () => {
  test("pages through members, of one status if asked", async () => {
    await create(5, { maxConcurrent: 3 });
    const fence = await claim();
    await pickAll(fence);
    await settle(fence, "w1", { status: "done" });
    const first = await rollouts.members(id, { cursor: 0, limit: 2 });
    expect(first.members.map(({ workspaceId, status }) => [workspaceId, status])).toEqual([
      ["w0", "running"],
      ["w1", "done"],
    ]);
    expect(first.nextCursor).toBe(2);
    const rest = await rollouts.members(id, { cursor: 2, limit: 10 });
    expect(rest.members.map(({ workspaceId }) => workspaceId)).toEqual(["w2", "w3", "w4"]);
    expect(rest.nextCursor).toBeUndefined();
    const running = await rollouts.members(id, { cursor: 0, limit: 10, status: "running" });
    expect(running.members.map(({ workspaceId }) => workspaceId)).toEqual(["w0", "w2"]);
  });

  test("lists rollouts newest first, and forgets those that have expired", async () => {
    for (const [n, one] of ["a", "b", "c"].entries()) {
      id = one;
      now = START + n;
      await create(n === 1 ? 0 : 1);
    }
    const first = await rollouts.list({ limit: 2 });
    expect(first).toMatchObject({ rollouts: [{ id: "c" }, { id: "b" }], nextCursor: "b" });
    expect(await rollouts.list({ limit: 2, cursor: "b" })).toMatchObject({ rollouts: [{ id: "a" }] });
    expect(await rollouts.list({ limit: 2, state: "finished" })).toMatchObject({ rollouts: [{ id: "b" }] });
    await redis.del(rollouts.keys.ofRollout("rollout", "b"));
    expect(await rollouts.list({ limit: 3 })).toMatchObject({ rollouts: [{ id: "c" }, { id: "a" }] });
    expect(await rollouts.list({ limit: 2, cursor: "b" })).toBe("unknown-cursor");
  });
});
