/** Members picked and settled, and people who steer; with the time as an argument. */
import { describe, expect, test } from "vitest";
import {
  another,
  claim,
  create,
  eventNames,
  events,
  id,
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
    later(999);
    expect((await pick(fence)).kind).toBe("wait");
    later(1);
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
    later(5);
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
    later(10);
    await rollouts.transitions.note({
      id,
      fence,
      workspaceId: "w0",
      member: { status: "running", triggerId: "t" },
      now,
    });
    later(10);
    await settle(fence, "w0", { status: "done", triggerId: "t", cycleId: "c1" });
    const { members } = await rollouts.members(id, { cursor: 0, limit: 1 });
    expect(members).toMatchObject([
      { workspaceId: "w0", status: "done", startedAt: START, endedAt: START + 20, triggerId: "t", cycleId: "c1" },
    ]);
    expect(await events()).toContainEqual([
      "ROLLOUT_WORKSPACE_SETTLED",
      expect.objectContaining({ status: "done", cycle: "c1", durationMs: 20, done: 1, running: 0, waiting: 0 }),
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
    later(500);
    await settle(fence, "w0", { status: "done" });
    await pickAll(fence);
    await steer("pause");
    later(500);
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
    another("r2");
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
    another("r2");
    await create(undefined);
    await steer("abort");
    expect((await state()).state).toBe("aborted");
  });

  test("refuses what is over, and what nobody knows", async () => {
    await create(0);
    for (const verb of ["pause", "resume", "abort"] as const) {
      expect(await steer(verb)).toEqual({ kind: "over", state: "finished" });
    }
    another("none");
    expect(await steer("pause")).toEqual({ kind: "unknown" });
  });
});
