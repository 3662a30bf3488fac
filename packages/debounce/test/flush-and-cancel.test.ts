import { describe, expect, test } from "vitest";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

async function reached(situation: string): Promise<TestWorkspace> {
  const one = await workspace();
  await SITUATIONS[situation]?.(one);
  return one;
}

describe("a flush", () => {
  test.each([
    ["a secret waits for quiet", 0],
    ["a declined cycle waits for the backoff", 0],
    ["the breaker is open", 3_600_000],
  ])("makes what is owed due now: %s", async (situation, dueAt) => {
    const one = await reached(situation);
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: at(dueAt), hintId: expect.any(String) });
    expect(await one.begun()).toMatchObject({ how: "new" });
    await expectSound(one);
  });

  test("does not wait for window and cooldown", async () => {
    const one = await reached("cooling");
    await one.trigger("file-write");
    expect(await one.wakeAt()).toBe(at(60_000));
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: at(30_000) });
    expect(await one.begun()).toMatchObject({ how: "new", startedAt: at(30_000) });
  });

  test("lets a waiting retry begin at once, and what came after it stays owed", async () => {
    const one = await reached("a failed cycle waits for its retry");
    await one.trigger("file-write");
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: at(1_000) });
    expect(await one.begun()).toMatchObject({ how: "retry", attempt: 2 });
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: at(1_000) });
    await expectSound(one);
  });

  test("waits for a running cycle", async () => {
    const one = await reached("running, with more owed");
    expect(await one.flush()).toMatchObject({ kind: "flushed", hintId: undefined });
    expect(await one.begin()).toMatchObject({ kind: "busy" });
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: at(1_000) });
  });

  test("consumes its timer: the cycle it started is the only one", async () => {
    const one = await reached("a secret waits for quiet");
    await one.flush();
    await one.cycle();
    expect(await one.wakeAt()).toBeUndefined();
    expect(await one.at(60_000).begin()).toEqual({ kind: "idle" });
  });

  test.each(["idle", "running", "cooling", "after the cooldown"])("finds nothing owed: %s", async (situation) => {
    const one = await reached(situation);
    const before = await one.view();
    expect(await one.flush()).toEqual({ kind: "nothing-owed" });
    expect(await one.view()).toEqual(before);
    expect(await one.events("WORKSPACE_RESTART_FLUSHED")).toEqual([]);
  });

  test("yields to a hold", async () => {
    const one = await reached("held, with more owed");
    const before = await one.view();
    expect(await one.flush()).toEqual({ kind: "held" });
    expect(await one.view()).toEqual(before);
  });

  test("is refused while the workspace may not be restarted", async () => {
    const one = await reached("paused");
    expect(await one.flush()).toEqual({ kind: "refused", rule: "paused" });
  });
});

describe("a cancel", () => {
  test.each([
    ["a write fired and not begun", 1],
    ["a secret waits for quiet", 1],
    ["a failed cycle waits for its retry", 1],
    ["a declined cycle waits for the backoff", 1],
    ["the breaker is open", 1],
    ["held, with more owed", 1],
  ])("drops what is owed, and nothing is behind: %s", async (situation, triggers) => {
    const one = await reached(situation);
    expect(await one.cancel()).toEqual({ kind: "canceled", triggers });
    const { restart } = await one.state();
    expect(restart.observedGeneration).toBe(restart.generation);
    expect(restart).toMatchObject({ why: [], cycle: undefined, breakerOpen: false, failures: 0 });
    expect(await one.wakeAt()).toBeUndefined();
    expect(await one.begin()).toEqual({ kind: "idle" });
    expect((await one.events("WORKSPACE_RESTART_CANCELED")).at(-1)?.payload).toMatchObject({ actor: "ann", triggers });
    await expectSound(one);
  });

  test.each(["idle", "cooling", "after the cooldown", "held", "paused"])(
    "finds nothing owed: %s",
    async (situation) => {
      const one = await reached(situation);
      const before = await one.view();
      expect(await one.cancel()).toEqual({ kind: "nothing-owed" });
      expect(await one.view()).toEqual(before);
    },
  );

  test("of a running cycle asks it to stop; its triggers are canceled if it does", async () => {
    const one = await reached("running, with more owed");
    const { generation } = (await one.state()).restart;
    const cycleId = one.attempt?.cycleId;
    expect(await one.cancel()).toEqual({ kind: "stopping", triggers: 1, cycleId });
    expect(await one.cancel(), "asked again").toEqual({ kind: "stopping", triggers: 0, cycleId });
    const told = await one.events("WORKSPACE_RESTART_CANCELED");
    expect(told.map(({ payload }) => payload)).toMatchObject([{ actor: "ann", running: true, cycle: cycleId }]);
    expect(await one.renew()).toMatchObject({ stopAsked: true });
    expect((await one.state()).restart.observedGeneration, "nothing is observed yet").toBe(0);
    expect(await one.end("canceled")).toMatchObject({ what: "canceled", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", observedGeneration: generation });
    await expectSound(one);
  });

  test("of a running cycle that ends well all the same: it covered its triggers, the others are canceled", async () => {
    const one = await reached("running, with more owed");
    const { generation } = (await one.state()).restart;
    await one.cancel();
    expect(await one.end("ok")).toMatchObject({ what: "ok", dueAt: undefined });
    const { restart } = await one.state();
    expect(restart).toMatchObject({ phase: "idle", observedGeneration: generation, lastCycle: { outcome: "ok" } });
    expect(restart.lastCycle?.covers).toMatchObject([{ source: "startup", count: 1 }]);
    expect(restart.lastCycle?.cancelTooLate, "it could not stop any more, and says so").toBe(true);
    const [online] = await one.events("WORKSPACE_ONLINE");
    expect(online?.payload).toMatchObject({ outcome: "ok", cancelTooLate: true });
    await expectSound(one);
  });

  test("of a running cycle that then fails: it has stopped, and is not tried again", async () => {
    const one = await reached("running");
    await one.cancel();
    expect(await one.end("failed")).toMatchObject({ what: "canceled", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({
      phase: "idle",
      failures: 0,
      lastCycle: { outcome: "canceled" },
    });
    await expectSound(one);
  });

  test("leaves what comes after it", async () => {
    const one = await reached("running");
    await one.cancel();
    await one.at(2_000).trigger("manual");
    expect(await one.end("canceled")).toMatchObject({ what: "canceled", dueAt: at(2_000) });
    expect((await one.begun()).covers).toMatchObject([{ source: "manual", count: 1 }]);
    await expectSound(one);
  });

  test("of a workspace that is being stopped does not stop the stopping", async () => {
    for (const desired of ["paused", "removed"] as const) {
      const one = await workspace();
      await one.at(0).trigger("file-write");
      await one.desire(desired);
      await one.begun();
      expect(await one.end("failed")).toMatchObject({ what: "retry", dueAt: at(5_000) });
      expect(await one.at(1_000).cancel()).toEqual({ kind: "canceled", triggers: 1 });
      expect(await one.wakeAt()).toBe(at(5_000));
      await expectSound(one);
      expect(await one.at(5_000).begun()).toMatchObject({ action: desired === "paused" ? "stop" : "remove" });
    }
  });

  test("twice is once", async () => {
    const one = await reached("a secret waits for quiet");
    await one.cancel();
    expect(await one.cancel()).toEqual({ kind: "nothing-owed" });
    expect(await one.events("WORKSPACE_RESTART_CANCELED")).toHaveLength(1);
  });

  test("leaves the windows: what was canceled is not asked for again by accident", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.cancel();
    expect(await one.at(1_000).trigger("file-write")).toMatchObject({ decision: "coalesced", dueAt: at(16_000) });
  });
});

describe("an unknown workspace", () => {
  test("is unknown to every verb, and none leaves a key", async () => {
    const one = await workspace();
    await one.forget();
    for (const verb of [() => one.hold(1_000), () => one.release(), () => one.flush(), () => one.cancel()]) {
      expect(await verb()).toEqual({ kind: "unknown" });
    }
    expect((await own.allKeys()).filter((key) => key.endsWith(`:${one.id}`))).toEqual([]);
  });
});
