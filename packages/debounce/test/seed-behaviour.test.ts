/**
 * What the single-process fix this began with pins in its tests: every entry, in its order, under the profile `seed` and
 * through three replicas. Where time matters it is virtual; what happens at once happens at once.
 */
import { describe, expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { Fleet } from "./support/fleet.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const policy = POLICIES.seed;
const workspace = useWorkspaces(own, { policy, replicas: 3 });
const fleet = new Fleet(own, policy, { replicas: 3, workers: 2 });

const FIRED = { decision: "fired", rule: "window" };
const droppedBy = (rule: string) => ({ decision: "dropped", rule });

describe("the call-site debounce", () => {
  test("first write fires", async () => {
    const one = await workspace();
    expect(await one.at(0).trigger("file-write")).toMatchObject(FIRED);
    expect(await one.begun()).toMatchObject({ how: "new", covers: [{ source: "file-write", count: 1 }] });
  });

  test("second within 15 s does not, and the window is not extended by it", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    expect(await one.at(10_000).trigger("file-write")).toMatchObject(droppedBy("window"));
    expect(await one.at(14_999).trigger("file-write")).toMatchObject(droppedBy("window"));
    // No worker has begun, so there is no cooldown: the window alone decides.
    expect(await one.at(15_000).trigger("file-write")).toMatchObject({ decision: "coalesced", rule: "pending" });
  });

  test("a 10-write burst: 1 fire, 9 suppressed", async () => {
    const one = await workspace();
    const decisions: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      decisions.push((await one.at(i * 100).trigger("file-write")).decision);
      if (i === 3) await one.begun();
      if (i === 6) await one.end();
    }
    expect(decisions).toEqual(["fired", ...Array(9).fill("dropped")]);
    expect(await one.at(100_000).begin(), "nothing is owed").toEqual({ kind: "idle" });
    expect(await one.events("WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(1);
  });

  test("after the window it fires again, once the cooldown of the cycle is over, too", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.cycle();
    expect(await one.at(15_000).trigger("file-write")).toMatchObject(droppedBy("cooldown"));
    expect(await one.at(60_000).trigger("file-write")).toMatchObject(FIRED);
    expect(await one.begun()).toMatchObject({ how: "new" });
  });

  test("two workspaces are independent", async () => {
    const [one, other] = [await workspace(), await workspace()];
    expect(await one.at(0).trigger("file-write")).toMatchObject(FIRED);
    expect(await other.at(1_000).trigger("file-write")).toMatchObject(FIRED);
    expect(await one.at(2_000).trigger("file-write")).toMatchObject(droppedBy("window"));
    expect([await one.begun(), await other.begun()]).toMatchObject([{ how: "new" }, { how: "new" }]);
  });

  test("a herd of 50 concurrent calls: exactly one fires", async () => {
    await fleet.register("herd");
    const receipts = await Promise.all(Array.from({ length: 50 }, () => fleet.trigger("herd", "file-write")));
    const decisions = receipts.map(({ decision, rule }) => `${decision}/${rule}`).sort();
    expect(decisions).toEqual([...Array(49).fill("dropped/window"), "fired/window"]);
    const cycle = await fleet.next();
    expect(cycle.lease.cycle.covers).toMatchObject([{ source: "file-write", count: 1 }]);
    cycle.finish();
    await fleet.drained();
    expect(fleet.cyclesOf("herd")).toHaveLength(1);
  });
});

describe("the coalescing of restarts", () => {
  test("a drained cycle's started-at is later than the first's", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    const first = await one.begun();
    expect((await one.view()).cooldownEndsAt).toBe(at(60_000));
    await one.at(1_000).trigger("manual");
    await one.at(30_000).end();
    const drained = await one.begun();
    expect(drained.startedAt).toBeGreaterThan(first.startedAt);
    expect((await one.view()).cooldownEndsAt, "and stamped for those who look at it").toBe(at(90_000));
  });

  test("one call, one cycle", async () => {
    await fleet.register("one-call");
    expect(await fleet.trigger("one-call", "manual")).toMatchObject(FIRED);
    (await fleet.next()).finish();
    await fleet.drained();
    expect(fleet.cyclesOf("one-call")).toHaveLength(1);
  });

  test("N calls during a slow cycle: exactly 2 cycles", async () => {
    await fleet.register("slow");
    await fleet.trigger("slow", "manual");
    const slow = await fleet.next();
    const receipts = await Promise.all(Array.from({ length: 20 }, () => fleet.trigger("slow", "manual")));
    for (const receipt of receipts) expect(receipt).toMatchObject({ decision: "coalesced", rule: "running" });
    expect(fleet.cyclesOf("slow"), "never two at a time").toHaveLength(1);
    slow.finish();
    const followUp = await fleet.next();
    expect(followUp.lease.cycle.covers).toMatchObject([{ source: "manual", count: 20 }]);
    followUp.finish();
    await fleet.drained();
    expect(fleet.cyclesOf("slow")).toHaveLength(2);
  });

  test("N calls during a slow cycle: exactly 2 cycles, with secrets after the cooldown of a longer one", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.begun();
    for (const ms of [15_000, 30_000, 45_000, 60_000]) await one.at(ms - 1).renew();
    expect(await one.trigger("secret-change"), "inside the cooldown").toMatchObject(droppedBy("cooldown"));
    for (let i = 0; i < 10; i += 1) {
      const reply = await one.at(60_000 + i).trigger("secret-change");
      expect(reply).toMatchObject({ decision: "coalesced", rule: "running" });
    }
    await one.at(70_000).end();
    const { covers } = await one.cycle();
    expect(covers).toMatchObject([{ source: "secret-change", count: 10 }]);
    expect(await one.at(200_000).begin()).toEqual({ kind: "idle" });
    expect(await one.events("WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(2);
  });

  test("sequential calls run separately", async () => {
    await fleet.register("sequential");
    for (let i = 1; i <= 3; i += 1) {
      expect(await fleet.trigger("sequential", "manual")).toMatchObject(FIRED);
      (await fleet.next()).finish();
      await fleet.drained();
      expect(fleet.cyclesOf("sequential")).toHaveLength(i);
    }
  });

  test("sequential calls run separately, with secrets a cooldown apart", async () => {
    const one = await workspace();
    for (const ms of [0, 60_000, 120_000]) {
      expect(await one.at(ms).trigger("secret-change")).toMatchObject(FIRED);
      expect((await one.cycle()).covers).toMatchObject([{ count: 1 }]);
    }
  });

  test("a call during a cycle is picked up", async () => {
    await fleet.register("picked-up");
    await fleet.trigger("picked-up", "manual", { reason: "first" });
    const first = await fleet.next();
    await fleet.trigger("picked-up", "manual", { reason: "second" });
    first.finish();
    const second = await fleet.next();
    expect(second.lease.cycle.covers).toMatchObject([{ count: 1, reasons: ["second"] }]);
    expect(second.lease.cycle.startedAt).toBeGreaterThanOrEqual(first.lease.cycle.startedAt);
    second.finish();
    await fleet.drained();
  });

  test("a call during a cycle is picked up, a secret after the cooldown of a longer one", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.begun();
    await one.at(65_000).trigger("secret-change", { reasons: ["late"] });
    await one.at(70_000).end();
    expect((await one.begun()).covers).toMatchObject([{ count: 1, reasons: ["late"] }]);
  });

  test("state is clean after a drain", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    await one.begun();
    await one.journal("{}");
    await one.trigger("manual");
    await one.end();
    await one.cycle();
    expect((await one.state()).restart).toMatchObject({ phase: "idle", why: [], cycle: undefined, dueAt: undefined });
    for (const role of ["why", "covers", "journal"] as const) expect(await one.ttl(role), role).toBeNull();
    expect(await one.wakeAt()).toBeUndefined();
    await expectSound(one);
  });

  test("a cycle that throws leaves the workspace restartable", async () => {
    await fleet.register("throws");
    await fleet.trigger("throws", "manual");
    (await fleet.next()).finish({ outcome: "failed", error: "it threw", retryable: false });
    await fleet.drained();
    expect(await fleet.trigger("throws", "manual")).toMatchObject(FIRED);
    const second = await fleet.next();
    expect(second.lease.cycle.covers, "what the first did not cover, too").toMatchObject([{ count: 2 }]);
    second.finish();
    await fleet.drained();
    expect((await fleet.coordinator.workspace("throws"))?.restart).toMatchObject({ phase: "idle", breakerOpen: false });
  });

  test("workspace A's cycle does not delay B's", async () => {
    await fleet.register("A", "B");
    await fleet.trigger("A", "manual");
    const a = await fleet.next();
    await fleet.trigger("B", "manual");
    const b = await fleet.next();
    expect([a.lease.workspaceId, b.lease.workspaceId]).toEqual(["A", "B"]);
    b.finish();
    await fleet.ended("B");
    expect((await fleet.coordinator.restarting("A")).restarting).toBe(true);
    a.finish();
    await fleet.drained();
  });
});

describe("the self-fire gate", () => {
  test("`isRestarting` false when unknown, true while running, false after", async () => {
    const restarting = async () => (await fleet.coordinator.restarting("gated")).restarting;
    expect(await restarting()).toBe(false);
    await fleet.register("gated");
    expect(await restarting()).toBe(false);
    await fleet.trigger("gated", "manual");
    const cycle = await fleet.next();
    for (const _ of fleet.coordinators) expect(await restarting()).toBe(true);
    cycle.finish();
    await fleet.drained();
    for (const _ of fleet.coordinators) expect(await restarting()).toBe(false);
  });

  test("five calls inside the 60 s window: five drops", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    await one.cycle();
    for (const ms of [1_000, 10_000, 20_000, 40_000, 59_999]) {
      expect(await one.at(ms).trigger("liveness-offline")).toMatchObject(droppedBy("cooldown"));
    }
    expect(await one.wakeAt()).toBeUndefined();
  });

  test("the window expires", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    await one.cycle();
    expect(await one.at(60_000).trigger("liveness-offline")).toMatchObject(FIRED);
  });

  test("one secret write with four probes during the cycle: one cycle, four drops", async () => {
    await fleet.register("probed");
    expect(await fleet.trigger("probed", "secret-change")).toMatchObject(FIRED);
    const cycle = await fleet.next();
    for (const source of ["a2a-preflight", "liveness-offline", "a2a-preflight", "liveness-offline"]) {
      expect(await fleet.trigger("probed", source)).toMatchObject(droppedBy("running"));
    }
    cycle.finish();
    await fleet.drained();
    expect(fleet.cyclesOf("probed")).toHaveLength(1);
  });
});
