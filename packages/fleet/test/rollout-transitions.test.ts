/** How a rollout comes about, who advances it, its list of members; with the time as an argument. */
import { describe, expect, test } from "vitest";
import { fieldsOf } from "../src/rollout-record.ts";
import type { MemberRecord } from "../src/rollout-types.ts";
import {
  another,
  at,
  claim,
  create,
  events,
  id,
  LEASE_MS,
  later,
  now,
  pick,
  pickAll,
  redis,
  rollouts,
  START,
  settle,
  state,
  steer,
  useRollouts,
} from "./support/rollout.ts";

useRollouts();

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
    later(LEASE_MS);
    expect(await claim("worker")).toBeGreaterThan(fence);
  });

  test("is refused when too many are active", async () => {
    for (const one of ["a", "b", "c"]) {
      another(one);
      await create(1);
    }
    another("d");
    expect(await create(1)).toEqual({ kind: "too-many", active: 3 });
  });
});

describe("claim", () => {
  test("gives the rollout to one, until it has said nothing for a lease", async () => {
    await create(2);
    const first = await claim("a");
    expect((await rollouts.transitions.claim({ id, owner: "b", now })).kind).toBe("busy");
    later(LEASE_MS - 1);
    expect(await claim("a")).toBe(first);
    later(LEASE_MS - 1);
    expect((await rollouts.transitions.claim({ id, owner: "b", now })).kind).toBe("busy");
    later(1);
    expect(await claim("b")).toBeGreaterThan(first);
  });

  test("fences out whoever had it before, in every transition", async () => {
    await create(2);
    const stale = await claim("a");
    expect(await pick(stale)).toEqual({ kind: "picked", workspaceId: "w0" });
    later(LEASE_MS);
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
    later(LEASE_MS - 1);
    await pick(fence);
    later(LEASE_MS - 1);
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
    later(LEASE_MS);
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
      another(one);
      at(START + n);
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
