import { describe, expect, test } from "vitest";
import { POLICIES, type RetryPolicy } from "../src/policy/policy.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });
const withRetry = (retry: RetryPolicy) => workspace(undefined, { ...POLICIES.default, retry });

/** A cycle whose first attempt began at 0. */
async function begun(retry: RetryPolicy = POLICIES.default.retry): Promise<TestWorkspace> {
  const one = await withRetry(retry);
  await one.at(0).trigger("file-write", { reasons: ["saved a.txt"], actors: ["ann"] });
  await one.begun();
  return one;
}

describe("the backoff", () => {
  test("doubles with each failure up to its cap, and the cycle is tried again at its end, not before", async () => {
    const one = await begun({ backoffMs: 1_000, maxBackoffMs: 8_000, breakerAfter: 100 });
    const waits: number[] = [];
    for (let failure = 1; failure <= 6; failure += 1) {
      const ended = await one.end("failed");
      if (ended.kind !== "ended" || ended.dueAt === undefined) throw new Error("expected a retry");
      expect(ended.what).toBe("retry");
      waits.push(ended.dueAt - one.now);
      one.now = ended.dueAt - 1;
      expect(await one.begin()).toMatchObject({ kind: "not-due", dueAt: ended.dueAt });
      one.now = ended.dueAt;
      expect(await one.begun()).toMatchObject({ how: "retry", attempt: failure + 1 });
      await expectSound(one);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test.each([
    [0, 8_000],
    [0.5, 6_000],
    [1, 4_000],
  ])("is shortened by jitter, by half at most: %d", async (jitter, wait) => {
    const one = await begun({ backoffMs: 8_000, maxBackoffMs: 8_000, breakerAfter: 2 });
    expect(await one.end("failed", { jitter })).toMatchObject({ what: "retry", dueAt: at(wait) });
  });

  test("starts again from the bottom after a good cycle", async () => {
    const one = await begun();
    await one.end("failed");
    await one.at(5_000).cycle("ok");
    await one.at(100_000).trigger("file-write");
    await one.begun();
    expect(await one.end("failed")).toMatchObject({ what: "retry", dueAt: at(105_000) });
  });
});

test("a retry is the same cycle: id, generation, covers, journal; a new token, and the cooldown is not stamped again", async () => {
  const one = await begun();
  const first = one.attempt;
  await one.journal('{"step":"STOPPING"}');
  await one.end("failed");
  await one.at(4_000).trigger("file-write", { reasons: ["saved b.txt"] });
  const retried = await one.at(5_000).begun();
  expect(retried).toMatchObject({
    how: "retry",
    attempt: 2,
    cycleId: first?.cycleId,
    generation: first?.generation,
    covers: first?.covers,
    startedAt: at(0),
    askedAt: at(0),
    journal: '{"step":"STOPPING"}',
    stopAsked: false,
  });
  expect(retried.fencingToken).toBeGreaterThan(first?.fencingToken ?? Infinity);
  expect((await one.view()).cooldownEndsAt).toBe(at(60_000));
  await one.end("ok");
  expect(await one.wakeAt(), "what came after the first start is owed a cycle of its own").toBe(at(60_000));
});

describe("while a retry waits", () => {
  test.each(["a2a-preflight", "liveness-offline"])("%s, which it is about, is dropped", async (probe) => {
    const one = await begun();
    await one.end("failed");
    expect(await one.at(1_000).trigger(probe)).toMatchObject({ decision: "dropped", rule: "backoff" });
  });

  test("a write is coalesced, and owed a cycle after this one", async () => {
    const one = await begun();
    await one.end("failed");
    expect(await one.at(1_000).trigger("file-write")).toMatchObject({ decision: "coalesced", rule: "backoff" });
    expect((await one.at(5_000).begun()).covers).toMatchObject([{ count: 1 }]);
    await one.end("ok");
    expect(await one.wakeAt()).toBe(at(60_000));
  });

  test("it is no running cycle: probes may not trigger, but `isRestarting` is false and the phase is backoff", async () => {
    const one = await begun();
    await one.end("failed");
    expect((await one.state()).restart).toMatchObject({ phase: "backoff", dueAt: at(5_000), failures: 1 });
  });

  test("a hold delays it, and its release lets it go at once", async () => {
    const one = await begun();
    await one.end("failed");
    await one.at(1_000).hold(20_000);
    expect((await one.state()).restart).toMatchObject({ phase: "held", dueAt: at(21_000) });
    expect(await one.at(5_000).begin()).toMatchObject({ kind: "not-due", dueAt: at(21_000) });
    expect(await one.at(6_000).release()).toMatchObject({ kind: "released", dueAt: at(5_000) });
    expect(await one.begun()).toMatchObject({ how: "retry" });
  });
});

describe("the breaker", () => {
  const RETRY = { backoffMs: 1_000, maxBackoffMs: 60_000, breakerAfter: 3 };

  /** Open, its backoff over. */
  async function opened(): Promise<TestWorkspace> {
    const one = await begun(RETRY);
    await one.end("failed");
    await one.at(1_000).begun();
    await one.end("failed");
    await one.at(3_000).begun();
    expect(await one.end("failed")).toMatchObject({ what: "failed", dueAt: undefined });
    return one.at(100_000);
  }

  test("opens after so many failures: nothing starts by itself, and what is owed stays to be seen", async () => {
    const one = await opened();
    expect(await one.begin()).toEqual({ kind: "idle" });
    const { restart, status } = await one.state();
    expect(restart).toMatchObject({ phase: "failed", breakerOpen: true, failures: 3, dueAt: undefined });
    expect(restart.why).toMatchObject([{ source: "file-write", count: 1, reasons: ["saved a.txt"] }]);
    expect(restart.lastCycle).toMatchObject({ outcome: "failed", attempt: 3, error: "it broke" });
    expect(status).toBe("failed");
    expect(await one.ttl("state")).toBeUndefined();
    await expectSound(one);
  });

  test("opens at once on a permanent error", async () => {
    const one = await begun(RETRY);
    expect(await one.end("failed", { retryable: false })).toMatchObject({ what: "failed", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "failed", breakerOpen: true, failures: 1 });
    await expectSound(one);
  });

  test("a change gets one attempt, which covers all that is owed; if that fails, it is still open", async () => {
    const one = await opened();
    expect(await one.trigger("secret-change")).toMatchObject({ decision: "coalesced", dueAt: at(102_000) });
    expect(await one.at(102_000).begun()).toMatchObject({ how: "new", attempt: 1, covers: [{}, {}] });
    expect(await one.end("failed")).toMatchObject({ what: "failed", dueAt: undefined });
    await expectSound(one);
  });

  test("a change after a permanent error gets one attempt, too, even if that fails for another reason", async () => {
    const one = await begun(RETRY);
    await one.end("failed", { retryable: false });
    await one.at(100_000).trigger("file-write");
    await one.at(120_000).begun();
    expect(await one.end("failed", { retryable: true })).toMatchObject({ what: "failed", dueAt: undefined });
    await expectSound(one);
  });

  test("a change waits for the end of the backoff", async () => {
    const one = await begun(RETRY);
    await one.end("failed", { retryable: false, retry: { ...RETRY, backoffMs: 90_000, maxBackoffMs: 90_000 } });
    expect(await one.at(10).trigger("secret-change")).toMatchObject({ rule: "backoff", dueAt: at(90_000) });
    expect(await one.at(60_000).begin()).toMatchObject({ kind: "not-due", dueAt: at(90_000) });
    expect((await one.state()).restart).toMatchObject({ phase: "backoff", dueAt: at(90_000) });
  });

  test("start-up and probes start nothing: they are owed, or dropped by their own rules", async () => {
    const one = await opened();
    expect(await one.trigger("startup")).toMatchObject({ decision: "coalesced", rule: "breaker", dueAt: undefined });
    expect(await one.trigger("a2a-preflight")).toMatchObject({ decision: "coalesced", rule: "breaker" });
    expect(await one.wakeAt()).toBeUndefined();
    await expectSound(one);
  });

  test("a start-up that came while it was open is not forgotten when a change brings the workspace back", async () => {
    const one = await opened();
    await one.trigger("startup");
    await one.trigger("file-write");
    const { covers } = await one.at(120_000).cycle("ok");
    expect(covers.map(({ source, count }) => [source, count])).toEqual([
      ["file-write", 2],
      ["startup", 1],
    ]);
    expect((await one.state()).restart).toMatchObject({ phase: "idle", breakerOpen: false, failures: 0 });
  });

  test("opening over a start-up that came while the cycle ran, it lets that start nothing either", async () => {
    const policy = { ...POLICIES.default, cooldownMs: 0 };
    const one = await workspace(undefined, policy);
    await one.at(0).trigger("file-write");
    await one.begun();
    expect(await one.at(1_000).trigger("startup")).toMatchObject({ decision: "coalesced", rule: "running" });
    expect(await one.end("failed", { retryable: false })).toMatchObject({ what: "failed", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "failed", why: [{ count: 1 }, { count: 1 }] });
    await expectSound(one);
    await one.at(2_000).trigger("file-write");
    expect((await one.at(100_000).begun()).covers).toHaveLength(2);
  });

  test("opening over a change that came while the cycle ran, it gives that its attempt", async () => {
    const one = await begun();
    await one.at(1_000).trigger("manual");
    expect(await one.end("failed", { retryable: false })).toMatchObject({ what: "failed", dueAt: at(6_000) });
    expect(await one.at(6_000).begun()).toMatchObject({ how: "new" });
  });

  test("a person's restart fires at once and clears it", async () => {
    const one = await opened();
    expect(await one.trigger("manual")).toMatchObject({ decision: "fired", rule: "window" });
    expect((await one.state()).restart).toMatchObject({ breakerOpen: false, failures: 0 });
    await one.begun();
    expect(await one.end("failed"), "its failures are counted anew").toMatchObject({ what: "retry" });
  });

  test("a flush gives one attempt at once", async () => {
    const one = await opened();
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: at(100_000) });
    await one.begun();
    expect(await one.end("failed")).toMatchObject({ what: "failed", dueAt: undefined });
    await expectSound(one);
  });
});

describe("a person's restart while a retry waits", () => {
  test("ends the failed cycle as superseded, and one new cycle covers both", async () => {
    const one = await begun();
    const failed = one.attempt?.cycleId;
    await one.end("failed");
    await one.at(1_000).trigger("file-write", { reasons: ["saved b.txt"] });
    expect(await one.at(2_000).trigger("manual", { actors: ["bob"] })).toMatchObject({ decision: "fired" });
    expect((await one.state()).restart.lastCycle).toMatchObject({ id: failed, outcome: "superseded", attempt: 1 });
    const next = await one.begun();
    expect(next).toMatchObject({ how: "new", attempt: 1 });
    expect(next.cycleId).not.toBe(failed);
    expect(next.covers).toMatchObject([
      { source: "file-write", count: 2, firstAt: at(0), lastAt: at(1_000), reasons: ["saved b.txt", "saved a.txt"] },
      { source: "manual", count: 1, actors: ["bob"] },
    ]);
    expect(next.askedAt, "it was first asked for before the failure").toBe(at(0));
    await expectSound(one);
  });
});

describe("a declined cycle", () => {
  test("is over, and what it covered comes back as a new one after backoff and cooldown", async () => {
    const one = await begun();
    const declined = one.attempt?.cycleId;
    expect(await one.end("declined")).toMatchObject({ what: "declined", dueAt: at(60_000) });
    expect((await one.state()).restart).toMatchObject({ phase: "backoff", lastCycle: { outcome: "declined" } });
    const slow = await begun({ backoffMs: 90_000, maxBackoffMs: 90_000, breakerAfter: 5 });
    expect(await slow.end("declined"), "whichever is longer").toMatchObject({ dueAt: at(90_000) });
    const next = await one.at(60_000).begun();
    expect(next).toMatchObject({ how: "new", attempt: 1, covers: [{ source: "file-write", count: 1 }] });
    expect(next.cycleId).not.toBe(declined);
  });

  test.each(["declined", "paused while its retry waits"])(
    "%s: the next one was asked for when this one was",
    async (how) => {
      const one = await begun();
      await one.at(1_000).trigger("file-write");
      if (how === "declined") {
        await one.end("declined");
      } else {
        await one.end("failed");
        await one.desire("paused");
        await one.cycle();
        await one.desire("running");
      }
      expect(await one.at(60_000).begun()).toMatchObject({ how: "new", askedAt: at(0), covers: [{ count: 2 }] });
    },
  );

  test("that is declined again and again backs off, never opens the breaker, and is told once when it goes on for long", async () => {
    const one = await begun({ backoffMs: 60_000, maxBackoffMs: 240_000, breakerAfter: 3 });
    const backoffs: number[] = [];
    const told: boolean[] = [];
    for (let n = 0; n < 5; n += 1) {
      const ended = await one.end("declined");
      if (ended.kind !== "ended") throw new Error("expected it to end");
      backoffs.push((ended.dueAt ?? Number.NaN) - one.now);
      told.push(ended.stillDeclined);
      expect((await one.state()).restart).toMatchObject({
        phase: "backoff",
        breakerOpen: false,
        failures: 0,
        declines: n + 1,
      });
      await expectSound(one);
      one.now = ended.dueAt ?? 0;
      await one.begun();
    }
    expect(backoffs).toEqual([60_000, 120_000, 240_000, 240_000, 240_000]);
    expect(told).toEqual([false, false, true, false, false]);
    const still = await one.events("WORKSPACE_RESTART_STILL_DECLINED");
    expect(still.map(({ payload }) => payload)).toMatchObject([
      { declines: 3, firstDeclinedAt: at(0), error: "it broke" },
    ]);
    await one.end("ok");
    expect((await one.state()).restart).toMatchObject({ phase: "idle", declines: 0 });
  });

  test("counts no failure: what fails after it has all its attempts, and what fails is no decline any more", async () => {
    const one = await begun({ backoffMs: 1_000, maxBackoffMs: 1_000, breakerAfter: 2 });
    await one.end("declined");
    await one.at(60_000).begun();
    expect(await one.end("failed")).toMatchObject({ what: "retry" });
    expect((await one.state()).restart).toMatchObject({ failures: 1, declines: 0, breakerOpen: false });
  });

  test("with the breaker open comes back by itself, too: the one attempt was not made", async () => {
    const one = await begun({ backoffMs: 1_000, maxBackoffMs: 1_000, breakerAfter: 1 });
    await one.end("failed");
    await one.at(60_000).trigger("secret-change");
    await one.at(62_000).begun();
    expect(await one.end("declined")).toMatchObject({ what: "declined", dueAt: at(122_000) });
    await one.at(122_000).begun();
    expect(await one.end("failed")).toMatchObject({ what: "failed", dueAt: undefined });
    await expectSound(one);
  });
});

describe("a resumed workspace whose cycle covers no trigger", () => {
  async function resumed(): Promise<TestWorkspace> {
    const one = await workspace();
    await one.at(0).desire("paused");
    await one.cycle();
    await one.at(1_000).desire("running");
    await one.begun();
    return one;
  }

  test("comes back by itself when its start was declined", async () => {
    const one = await resumed();
    expect(await one.end("declined")).toMatchObject({ what: "declined", dueAt: at(61_000) });
    await expectSound(one);
    await one.at(61_000).cycle("ok");
    expect((await one.state()).restart.phase).toBe("idle");
  });

  test("is visibly failed when its start failed for good, and a flush or a change tries again", async () => {
    const one = await resumed();
    expect(await one.end("failed", { retryable: false })).toMatchObject({ what: "failed", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "failed", breakerOpen: true });
    expect(await one.at(100_000).flush()).toMatchObject({ kind: "flushed" });
    await one.cycle("ok");
    expect((await one.state()).restart.phase).toBe("idle");
    await expectSound(one);
  });
});
