import { describe, expect, test } from "vitest";
import type { ObserveCall } from "../src/transitions/types.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

const MINUTE = 60_000;

async function fenceOf(one: TestWorkspace): Promise<string> {
  return (await one.transitions.observing.facts({ id: one.id, now: one.now })).fence;
}

/** A look that began now and is recorded now. */
async function observe(one: TestWorkspace, seen: ObserveCall["seen"], more: Partial<ObserveCall> = {}) {
  return one.transitions.observing.observe({
    ...{ id: one.id, fence: await fenceOf(one), seen, detail: `it is ${seen}`, since: one.now, lookedAt: one.now },
    ...{ isOurs: true, action: "restart", retry: one.policy.retry, now: one.now },
    ...more,
  });
}

/** Restarted well at 0, and past its cooldown now. */
async function online(): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(0).trigger("manual");
  await one.cycle();
  return one.at(2 * MINUTE);
}

describe("what should run and does not", () => {
  test("is told once as down, with what was seen and since when, and a restart is to be asked for", async () => {
    const one = await online();
    const since = at(2 * MINUTE - 1_000);
    expect(await observe(one, "offline", { since })).toEqual({ kind: "recorded", change: "down", ask: true });
    expect(await observe(one, "offline")).toEqual({ kind: "recorded", change: undefined, ask: true });
    expect(await one.events("WORKSPACE_DOWN")).toMatchObject([
      { payload: { status: "offline", seen: "it is offline", downAt: since, lastSeenAt: at(0), action: "restart" } },
    ]);
    expect(await one.state()).toMatchObject({
      status: "offline",
      down: { since, seen: "it is offline", crashes: 1 },
      seenAt: undefined,
    });
  });

  test("may have something running that does not serve", async () => {
    const one = await online();
    await observe(one, "unhealthy");
    expect((await one.state()).status).toBe("unhealthy");
    await observe(one, "offline");
    expect(await one.state()).toMatchObject({ status: "offline", down: { since: one.now } });
  });

  test("is asked for no more once that is owed", async () => {
    const one = await online();
    await one.hold(10 * MINUTE);
    await observe(one, "offline");
    expect(await one.trigger("liveness-offline")).toMatchObject({ decision: "coalesced", rule: "held" });
    expect(await observe(one, "offline")).toMatchObject({ ask: false });
  });

  test("is up again by a good restart, and no longer counted", async () => {
    const one = await online();
    await observe(one, "offline");
    expect((await one.transitions.census({ shard: 0, now: one.now })).down).toBeGreaterThan(0);
    await one.trigger("liveness-offline");
    await one.cycle();
    expect(await one.state()).toMatchObject({ status: "online", down: undefined, seenAt: one.now });
    expect(await own.redis.zscore(own.keys.forShard("down", 0), one.id)).toBeNull();
  });

  test("is told as up when it comes back by itself", async () => {
    const one = await online();
    await observe(one, "unhealthy");
    one.at(3 * MINUTE);
    expect(await observe(one, "online")).toEqual({ kind: "recorded", change: "up", ask: false });
    expect(await one.events("WORKSPACE_UP")).toMatchObject([{ payload: { downAt: at(2 * MINUTE), downMs: MINUTE } }]);
    expect(await one.state()).toMatchObject({ status: "online", down: undefined, seenAt: one.now });
  });

  test("is only told where the policy says so", async () => {
    const one = await online();
    expect(await observe(one, "offline", { action: "report" })).toEqual({
      kind: "recorded",
      change: "down",
      ask: false,
    });
  });

  test("is down, too, where the last restart has failed for good, and keeps that status", async () => {
    const one = await online();
    await one.trigger("file-write");
    await one.begun();
    await one.end("failed", { retryable: false });
    expect(await observe(one, "offline")).toMatchObject({ change: "down" });
    expect(await one.state()).toMatchObject({ status: "failed", down: { crashes: 0 } });
  });

  test("is not down while it was never started, nor asked for under a paused parent", async () => {
    const fresh = await workspace();
    expect(await observe(fresh, "offline")).toEqual({ kind: "recorded", change: undefined, ask: false });
    const child = await online();
    await child.markParent(true);
    expect(await observe(child, "offline")).toMatchObject({ change: "down", ask: false });
  });
});

describe("an observation cannot contradict a newer cycle", () => {
  test.each<[string, (one: TestWorkspace) => Promise<unknown>]>([
    ["that has begun", (one) => one.begun()],
    ["that has ended", (one) => one.cycle()],
    [
      "that waits for its retry",
      async (one) => {
        await one.begun();
        await one.end("failed");
      },
    ],
  ])("%s since", async (_, act) => {
    const one = await online();
    const fence = await fenceOf(one);
    await one.trigger("manual");
    await act(one);
    expect(await observe(one, "offline", { fence })).toEqual({ kind: "stale" });
    expect(await one.events("WORKSPACE_DOWN")).toEqual([]);
  });

  test("that is about to begin, since the desired state was changed", async () => {
    const one = await online();
    await one.desire("paused");
    expect(await observe(one, "offline")).toEqual({ kind: "stale" });
  });

  test("a look from before the end of a good restart does not make it older", async () => {
    const one = await online();
    await one.transitions.observing.seen({ shard: 0, ids: [one.id], lookedAt: at(-5_000) });
    expect((await one.state()).seenAt).toBe(at(0));
    await one.transitions.observing.seen({ shard: 0, ids: [one.id, "nobody"], lookedAt: at(5_000) });
    expect((await one.state()).seenAt).toBe(at(5_000));
    expect(await own.redis.zscore(own.keys.forShard("seen", 0), "nobody")).toBeNull();
  });
});

test("a complaint of before a cycle that has begun since is dropped, and claims nothing", async () => {
  const one = await online();
  const seenFence = await fenceOf(one);
  await one.trigger("manual");
  await one.cycle();
  one.at(10 * MINUTE);
  expect(await one.trigger("liveness-offline", { seenFence })).toMatchObject({ decision: "dropped", rule: "running" });
  expect(await one.trigger("file-write", { seenFence })).toMatchObject({ decision: "dropped", rule: "running" });
  expect(await one.trigger("file-write")).toMatchObject({ decision: "fired", rule: "window" });
});

describe("what goes down again and again soon after a restart", () => {
  async function crash(one: TestWorkspace, ms: number) {
    one.at(ms);
    await observe(one, "offline");
    return one.trigger("liveness-offline", { reasons: [`died at ${ms}`] });
  }

  test("waits longer each time, and says so in its phase and event", async () => {
    const one = await online();
    expect(await crash(one, 2 * MINUTE)).toMatchObject({ decision: "fired" });
    await one.cycle();
    expect(await crash(one, 4 * MINUTE)).toMatchObject({
      decision: "coalesced",
      rule: "backoff",
      dueAt: at(4 * MINUTE + 5_000),
    });
    expect((await one.state()).restart).toMatchObject({ phase: "backoff", dueAt: at(4 * MINUTE + 5_000) });
    await one.at(4 * MINUTE + 5_000).cycle();
    expect(await crash(one, 6 * MINUTE)).toMatchObject({ rule: "backoff", dueAt: at(6 * MINUTE + 10_000) });
    const told = await one.events("WORKSPACE_DOWN");
    expect(told.map(({ payload }) => [payload.crashes, payload.retryAt])).toEqual([
      [1, undefined],
      [2, at(4 * MINUTE + 5_000)],
      [3, at(6 * MINUTE + 10_000)],
    ]);
  });

  test("waits no more once a person asks, or it ran for ten minutes", async () => {
    const one = await online();
    await crash(one, 2 * MINUTE);
    await one.cycle();
    await crash(one, 4 * MINUTE);
    expect(await one.trigger("manual")).toMatchObject({ decision: "fired" });
    await one.cycle();
    expect(await crash(one, 6 * MINUTE)).toMatchObject({ decision: "fired" });
    await one.cycle();
    await crash(one, 30 * MINUTE);
    expect((await one.state()).down).toMatchObject({ crashes: 1 });
  });

  test("is in a loop when it always dies of the same", async () => {
    const one = await online();
    const rules: string[] = [];
    for (let restartedAt = 0; rules.length < 6; ) {
      await observe(one.at(restartedAt + 70_000), "offline");
      rules.push((await one.trigger("liveness-offline", { reasons: ["gone"] })).rule);
      const { dueAt } = (await one.state()).restart;
      if (dueAt === undefined) break;
      restartedAt = dueAt - at(0);
      await one.at(restartedAt).cycle();
    }
    expect(rules.at(-1)).toBe("loop");
    expect((await one.state()).restart.phase).toBe("failed");
  });
});

describe("what runs and should not", () => {
  test("is stopped by a cycle where it is ours", async () => {
    const one = await online();
    await one.desire("paused");
    await one.cycle();
    one.at(5 * MINUTE);
    expect(await observe(one, "online", { detail: "process 7 runs" })).toMatchObject({
      kind: "stopping",
      dueAt: one.now,
    });
    expect(await one.events("WORKSPACE_STRAY")).toMatchObject([
      { payload: { desired: "paused", seen: "process 7 runs", stopping: true } },
    ]);
    expect(await one.begun()).toMatchObject({ action: "stop" });
    await one.end();
    expect((await one.state()).stray).toBeUndefined();
  });

  test.each([{ isOurs: false }, { action: "report" }] as const)("is only told, and once, with %o", async (more) => {
    const one = await online();
    await one.desire("paused");
    await one.cycle();
    expect(await observe(one, "online", more)).toEqual({ kind: "recorded", change: "stray", ask: false });
    expect(await observe(one, "online", more)).toEqual({ kind: "recorded", change: undefined, ask: false });
    expect(await one.state()).toMatchObject({ status: "paused", stray: "it is online" });
    await observe(one, "offline");
    expect((await one.state()).stray).toBeUndefined();
    expect(await one.begin()).toMatchObject({ kind: "idle" });
  });
});

describe("another instance than the recorded one", () => {
  test("is adopted where it carries our marks", async () => {
    const one = await online();
    await observe(one, "online", { instance: { instanceId: "i-2" } });
    expect((await one.state()).instance).toEqual({ instanceId: "i-2" });
    expect(await one.events("WORKSPACE_ADOPTED")).toMatchObject([{ payload: { instance: { instanceId: "i-2" } } }]);
    await observe(one, "online", { instance: { instanceId: "i-2" } });
    expect(await one.events("WORKSPACE_ADOPTED")).toHaveLength(1);
  });

  test("is told otherwise, once", async () => {
    const one = await online();
    const stray = "i-3 carries its name, and is not ours";
    await observe(one, "offline", { stray });
    await observe(one, "offline", { stray });
    expect(await one.events("WORKSPACE_STRAY")).toMatchObject([{ payload: { desired: "running", seen: stray } }]);
  });

  test("of one that was never started, what runs is found", async () => {
    const one = await workspace();
    expect(await observe(one, "online")).toMatchObject({ change: "found" });
    expect((await one.state()).status).toBe("online");
  });
});

test("an external runtime is not told of as seen", async () => {
  const one = await online();
  await observe(one, "offline");
  await one.register({ runtime: "external" });
  await observe(one, "offline");
  expect(await one.state()).toMatchObject({ status: "external", down: undefined, seenAt: undefined });
});

test("a forgotten workspace is neither seen nor down", async () => {
  const one = await online();
  await observe(one, "offline");
  await one.forget();
  expect(await own.redis.zscore(own.keys.forShard("down", 0), one.id)).toBeNull();
  expect(await observe(one, "online")).toEqual({ kind: "stale" });
  expect(await own.redis.zscore(own.keys.forShard("seen", 0), one.id)).toBeNull();
});
