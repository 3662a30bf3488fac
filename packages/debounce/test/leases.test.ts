import { describe, expect, test } from "vitest";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 2 });

/** A cycle whose first attempt began at 0. */
async function begun(owner = "first"): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(0).trigger("file-write", { reasons: ["saved"] });
  await one.begun(owner);
  return one;
}

describe("one lease per workspace", () => {
  test("who comes while it is held is told until when", async () => {
    const one = await begun();
    expect(await one.at(14_999).begin("second")).toEqual({ kind: "busy", leaseEndsAt: at(15_000) });
    await expectSound(one);
  });

  test("of many who begin at once, one does", async () => {
    for (let round = 0; round < 10; round += 1) {
      const one = await workspace();
      await one.trigger("file-write");
      const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => one.begin(`worker ${i}`)));
      expect(replies.map(({ kind }) => kind).sort()).toEqual(["begun", ...Array(9).fill("busy")].sort());
    }
  });

  test("a command that is sent again is answered as the first time, for a new cycle, a takeover and a retry", async () => {
    const one = await begun("first");
    expect(await one.begin("first")).toEqual(one.attempt);

    const takeover = await one.at(LEASE_MS).begun("second");
    expect(await one.begin("second")).toEqual(takeover);

    await one.end("failed");
    const retry = await one.at(100_000).begun("third");
    expect(retry.how).toBe("retry");
    expect(await one.begin("third")).toEqual(retry);
    await expectSound(one);
  });

  test("renewing and journalling extend it from then", async () => {
    const one = await begun();
    expect(await one.at(10_000).renew()).toEqual({ kind: "held", leaseEndsAt: at(25_000), stopAsked: false });
    expect(await one.at(24_000).begin("second")).toMatchObject({ kind: "busy" });
    expect(await one.journal("{}")).toEqual({ kind: "held", leaseEndsAt: at(39_000), stopAsked: false });
    expect(await one.at(38_999).begin("second")).toEqual({ kind: "busy", leaseEndsAt: at(39_000) });
    await expectSound(one);
  });

  test("one that ran out and was not taken over may still be renewed", async () => {
    const one = await begun();
    expect(await one.at(20_000).renew()).toMatchObject({ kind: "held" });
    expect(await one.begin("second")).toMatchObject({ kind: "busy" });
  });
});

describe("a takeover after the lease ran out", () => {
  test("goes on with the same cycle under a higher token", async () => {
    const one = await begun();
    const first = one.attempt;
    await one.journal('{"step":"STARTING"}');
    await one.at(5_000).trigger("manual");
    const second = await one.at(LEASE_MS).begun("second");
    expect(second).toMatchObject({
      how: "takeover",
      attempt: 2,
      cycleId: first?.cycleId,
      generation: first?.generation,
      covers: first?.covers,
      startedAt: at(0),
      askedAt: at(0),
      journal: '{"step":"STARTING"}',
      leaseEndsAt: at(2 * LEASE_MS),
    });
    expect(second.fencingToken).toBeGreaterThan(first?.fencingToken ?? Infinity);
    await expectSound(one);
  });

  test("does not stamp started-at, and tells of no new restart", async () => {
    const one = await begun();
    await one.at(LEASE_MS).begun("second");
    expect((await one.view()).cooldownEndsAt).toBe(at(60_000));
    expect(await one.events("WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(1);
    expect((await one.events("WORKSPACE_PROVISIONING")).map(({ payload }) => payload.how)).toEqual(["new", "takeover"]);
  });

  test("leaves the one who was late with nothing: it can neither renew, nor journal, nor end", async () => {
    const one = await begun();
    const stale = one.attempt?.fencingToken ?? 0;
    await one.at(LEASE_MS).begun("second");
    const before = await one.view();
    expect(await one.renew(stale)).toEqual({ kind: "lost" });
    expect(await one.journal('{"step":"LATE"}', stale)).toEqual({ kind: "lost" });
    for (const outcome of ["ok", "failed", "declined", "canceled", "handover"] as const) {
      expect(await one.end(outcome, { fencingToken: stale }), outcome).toEqual({ kind: "lost" });
    }
    expect(await one.view()).toEqual(before);
    expect(await own.redis.exists(own.keys.forWorkspace("journal", one.id))).toBe(0);
    await expectSound(one);
    expect(await one.end("ok")).toMatchObject({ kind: "ended", what: "ok" });
  });

  test("happens as often as workers die, and the cycle still ends well", async () => {
    const one = await begun();
    for (let death = 1; death <= 5; death += 1) {
      one.now += LEASE_MS;
      expect(await one.begun(`worker ${death}`)).toMatchObject({ how: "takeover", attempt: death + 1 });
    }
    await one.end("ok");
    expect((await one.state()).restart).toMatchObject({ phase: "idle", lastCycle: { outcome: "ok", attempt: 6 } });
  });
});

describe("a handover", () => {
  test("lets the next worker take the cycle at once, and the one who went can do no more", async () => {
    const one = await begun();
    const { cycleId, fencingToken } = await one.at(1_000).begun("first");
    expect(await one.end("handover")).toMatchObject({ kind: "ended", what: "handover", dueAt: at(1_000) });
    await expectSound(one);
    expect(await one.renew()).toEqual({ kind: "lost" });
    expect(await one.journal("{}")).toEqual({ kind: "lost" });
    expect(await one.end("ok")).toEqual({ kind: "lost" });
    expect(await one.wakeAt()).toBe(at(1_000));
    const next = await one.begun("second");
    expect(next).toMatchObject({ how: "takeover", attempt: 2, cycleId });
    expect(next.fencingToken).toBeGreaterThan(fencingToken);
  });

  test("keeps the wish that it shall stop", async () => {
    const one = await begun();
    await one.cancel();
    await one.end("handover");
    expect(await one.begun("second")).toMatchObject({ stopAsked: true });
    expect(await one.end("canceled")).toMatchObject({ what: "canceled" });
    expect((await one.state()).restart.phase).toBe("idle");
  });
});

describe("an ended attempt", () => {
  test.each(["ok", "failed", "declined"] as const)("cannot be ended again: %s", async (outcome) => {
    const one = await begun();
    await one.end(outcome);
    const before = await one.view();
    expect(await one.end("ok")).toEqual({ kind: "lost" });
    expect(await one.renew()).toEqual({ kind: "lost" });
    expect(await one.view()).toEqual(before);
  });

  test.each(["ok", "failed", "declined", "handover"] as const)(
    "whose command is sent again is answered as the first time: %s",
    async (outcome) => {
      const one = await begun();
      const call = { nonce: `call-${one.id}`, retryable: outcome !== "declined" };
      const first = await one.end(outcome, call);
      expect(first.kind).toBe("ended");
      const before = { view: await one.view(), events: await one.events() };
      one.now += 1_000;
      expect(await one.end(outcome, call)).toEqual(first);
      expect({ view: { ...(await one.view()), now: before.view.now }, events: await one.events() }).toEqual(before);
    },
  );

  test("whose command is sent again is answered as the first time, though the workspace is gone or taken over", async () => {
    const removed = await workspace();
    await removed.desire("removed");
    await removed.begun();
    const first = await removed.end("ok", { nonce: "removal" });
    expect(first).toMatchObject({ kind: "ended", what: "removed" });
    expect(await removed.end("ok", { nonce: "removal" })).toEqual(first);

    const one = await begun();
    const fencingToken = one.attempt?.fencingToken ?? 0;
    const handed = await one.end("handover", { nonce: "handover" });
    await one.begun("second");
    expect(await one.end("handover", { nonce: "handover", fencingToken })).toEqual(handed);
    expect(await one.renew()).toMatchObject({ kind: "held" });
  });

  test("of a workspace that was forgotten meanwhile writes nothing", async () => {
    const one = await begun();
    await one.forget();
    const forgotten = await own.allKeys();
    expect(await one.renew()).toEqual({ kind: "lost" });
    expect(await one.journal("{}")).toEqual({ kind: "lost" });
    expect(await one.end("ok")).toEqual({ kind: "lost" });
    const { workspace: entry, state, why, covers, journal, lastCycle } = await one.view();
    expect({ entry, state, why }).toEqual({ entry: {}, state: {}, why: {} });
    expect([covers, journal, lastCycle]).toEqual([undefined, undefined, undefined]);
    expect(await own.allKeys()).toEqual(forgotten);
  });
});

test("tokens and generations rise even when Redis forgot the last ones", async () => {
  const one = await begun();
  const first = one.attempt;
  await one.at(1_000).end("ok");
  await own.redis.del(own.keys.forWorkspace("state", one.id));
  await one.at(100_000).trigger("file-write");
  const second = await one.begun();
  expect(second.fencingToken).toBeGreaterThan(first?.fencingToken ?? Infinity);
  expect(second.generation).toBeGreaterThan(first?.generation ?? Infinity);
});

test("two cycles that begin within one millisecond have two tokens and two ids", async () => {
  const one = await begun();
  const first = one.attempt;
  await one.end("ok");
  await one.trigger("manual");
  const second = await one.begun();
  expect(second.fencingToken).toBeGreaterThan(first?.fencingToken ?? Infinity);
  expect(second.cycleId).not.toBe(first?.cycleId);
});
