import { describe, expect, test } from "vitest";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

async function paused(): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(0).desire("paused");
  await one.cycle();
  return one;
}

describe("a workspace that may not be restarted", () => {
  const EVERY_SOURCE = ["file-write", "secret-change", "a2a-preflight", "startup", "manual"];

  test.each(["paused", "hibernated", "removed"] as const)("refuses every source: %s", async (desired) => {
    const one = await workspace();
    await one.desire(desired);
    for (const source of EVERY_SOURCE) {
      expect(await one.trigger(source, { onHold: "override" }), source).toMatchObject({
        decision: "refused",
        rule: desired,
        dueAt: undefined,
      });
    }
    await expectSound(one);
  });

  test("names the first reason that applies: removed, external, paused or hibernated, parent paused", async () => {
    const one = await workspace();
    const rule = async () => (await one.trigger("manual")).rule;
    await one.markParent(true);
    expect(await rule()).toBe("parent-paused");
    await one.desire("hibernated");
    expect(await rule()).toBe("hibernated");
    await one.desire("paused");
    expect(await rule()).toBe("paused");
    await one.register({ runtime: "external" });
    expect(await rule()).toBe("external");
    await one.desire("removed");
    expect(await rule()).toBe("removed");
    expect(await one.state()).toMatchObject({ status: "removing" });
  });

  test("is refused before it is held, and a refusal claims no window", async () => {
    const one = await paused();
    await one.hold(60_000);
    expect(await one.trigger("file-write", { onHold: "refuse" })).toMatchObject({ rule: "paused" });
    expect(await own.redis.exists(own.keys.window("file-write", one.id))).toBe(0);
  });

  test("changes nothing by being refused, but for remembering that it told so", async () => {
    const one = await paused();
    const before = await one.view();
    await one.trigger("file-write", { write: true });
    await one.trigger("manual");
    const { state, ...rest } = await one.view();
    const told = Object.entries(state).filter(([field]) => !field.startsWith("toldRefused:"));
    expect({ ...rest, state: Object.fromEntries(told) }).toEqual(before);
  });

  test("is nobody's business while external, and its own again after that", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.register({ runtime: "external" });
    expect(await one.at(10_000).begin()).toEqual({ kind: "idle" });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", dueAt: undefined });
    await expectSound(one);
    await one.register({ runtime: "docker" });
    expect(await one.wakeAt()).toBe(at(2_000));
    await expectSound(one);
    expect((await one.begun()).covers).toMatchObject([{ source: "secret-change" }]);
  });
});

describe("pause and resume", () => {
  test("are each carried out by a cycle, ignoring the cooldown", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.cycle();
    const { generation } = (await one.state()).restart;
    const reply = await one.at(1_000).desire("paused");
    expect(reply).toMatchObject({ kind: "accepted", hintId: expect.any(String) });
    expect((await one.state()).restart).toMatchObject({ phase: "scheduled", dueAt: at(1_000) });
    expect((await one.state()).restart.generation).toBeGreaterThan(generation);
    expect(await one.begun()).toMatchObject({ action: "stop", how: "new", covers: [], askedAt: at(1_000) });
    await one.end("ok", { instance: {} });
    expect(await one.state()).toMatchObject({ status: "paused", instance: undefined, restart: { phase: "idle" } });
    await one.at(2_000).desire("running");
    expect(await one.begun()).toMatchObject({ action: "restart", startedAt: at(2_000) });
    await one.end("ok", { instance: { pid: 7 } });
    expect(await one.state()).toMatchObject({ status: "online", instance: { pid: 7 }, restart: { phase: "idle" } });
    await expectSound(one);
  });

  test("change nothing when it is not what it was taken for", async () => {
    const one = await paused();
    const before = await one.view();
    expect(await one.desire("running", { from: "hibernated" })).toEqual({ kind: "mismatch", desired: "paused" });
    expect(await one.view()).toEqual(before);
    expect(await one.desire("running", { from: "paused" })).toMatchObject({ kind: "accepted" });
    expect(await one.desire("running", { from: "paused" }), "it runs already").toMatchObject({ kind: "unchanged" });
  });

  test("asking again changes nothing", async () => {
    const one = await paused();
    const before = await one.view();
    expect(await one.desire("paused")).toEqual({ kind: "unchanged", generation: Number(before.state.generation) });
    expect(await one.view()).toEqual(before);
    expect(await one.events("WORKSPACE_PAUSED")).toHaveLength(1);
  });

  test("keep what is owed, and the cycle that resumes covers it, alone", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.desire("paused");
    await one.cycle();
    expect(await one.at(60_000).begin()).toEqual({ kind: "idle" });
    await expectSound(one);
    await one.at(100_000).desire("running");
    expect(await one.begun()).toMatchObject({ covers: [{ source: "secret-change", count: 1 }], askedAt: at(0) });
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: undefined });
    await expectSound(one);
  });

  test.each(Object.keys(SITUATIONS))("lose nothing that was owed: %s", async (situation) => {
    const one = await workspace();
    await SITUATIONS[situation]?.(one);
    const before = await one.state();
    const owed = [...before.restart.why, ...(before.restart.cycle?.covers ?? [])].length;
    await one.desire("paused");
    if (before.restart.phase === "running") await one.end("canceled");
    await expectSound(one, situation);
    if (before.status !== "paused" || situation.startsWith("resumed")) await one.cycle();
    await expectSound(one, situation);
    await one.desire("running");
    expect((await one.begun()).covers, situation).toHaveLength(owed);
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: undefined });
    expect((await one.state()).restart.phase, situation).toBe(situation.startsWith("held") ? "held" : "idle");
    await expectSound(one, situation);
  });

  test("ask a running cycle to stop; once it did, its triggers are owed and the stop comes first", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.desire("paused");
    expect(await one.renew()).toMatchObject({ stopAsked: true });
    expect(await one.begin()).toMatchObject({ kind: "busy" });
    await one.end("canceled");
    expect(await one.cycle()).toMatchObject({ action: "stop" });
    expect((await one.state()).restart).toMatchObject({ why: [{ source: "file-write", count: 1 }] });
    await expectSound(one);
  });

  test("stop a cycle whose worker died, too: whoever takes it over is told", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.desire("paused");
    expect(await one.at(LEASE_MS).begun()).toMatchObject({ how: "takeover", action: "restart", stopAsked: true });
  });

  test("a cycle that ends well before it heard of the pause is followed by the stop", async () => {
    const one = await workspace();
    await one.trigger("file-write");
    await one.begun();
    await one.desire("paused");
    await one.end("ok");
    expect(await one.cycle()).toMatchObject({ action: "stop" });
    expect((await one.state()).status).toBe("paused");
  });

  test("in quick succession: the last one counts, and every change is seen by somebody", async () => {
    const one = await workspace();
    await one.desire("paused");
    await one.begun();
    await one.desire("running");
    await one.desire("hibernated");
    await one.desire("running");
    expect(await one.renew()).toMatchObject({ stopAsked: true });
    await one.end("canceled");
    await expectSound(one);
    expect(await one.cycle()).toMatchObject({ action: "restart" });
    expect(await one.begin()).toEqual({ kind: "idle" });
  });

  test("go through a hold and an open breaker", async () => {
    for (const situation of ["held, with more owed", "the breaker is open"]) {
      const one = await workspace();
      await SITUATIONS[situation]?.(one);
      await one.desire("paused");
      await one.cycle();
      await one.desire("running");
      expect(await one.cycle(), situation).toMatchObject({ action: "restart", covers: [{ source: "startup" }] });
      await expectSound(one, situation);
    }
  });

  test("end a waiting retry: what it covered is covered when it is resumed", async () => {
    const one = await workspace();
    await SITUATIONS["a failed cycle waits for its retry"]?.(one);
    const failed = one.attempt?.cycleId;
    await one.desire("paused");
    const stop = await one.cycle();
    expect(stop).toMatchObject({ action: "stop", how: "new", journal: undefined });
    expect(stop.cycleId).not.toBe(failed);
    await expectSound(one);
  });
});

describe("a stop that fails", () => {
  test("is tried again after the backoff, for ever, for that is how it shall be", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    for (let i = 0; i < 12; i += 1) {
      expect(await one.begun(), `attempt ${i}`).toMatchObject({ action: "stop" });
      const ended = await one.end("failed", { retryable: i % 4 !== 3 });
      if (ended.kind !== "ended" || ended.dueAt === undefined) throw new Error(`attempt ${i} is never repeated`);
      await expectSound(one, `attempt ${i}`);
      one.now = ended.dueAt;
    }
    await one.begun();
    await one.end("ok");
    expect((await one.state()).restart).toMatchObject({ phase: "idle", failures: 0, breakerOpen: false });
    await expectSound(one);
  });

  test("for good, under a resume asked for meanwhile, gives way to it at once, and leaves it all its attempts", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    await one.begun();
    await one.at(1_000).desire("running");
    await one.end("failed", { retryable: false });
    await expectSound(one);
    expect(await one.begun()).toMatchObject({ action: "restart", startedAt: at(1_000) });
    expect((await one.state()).restart.breakerOpen).toBe(false);
    expect(await one.end("failed")).toMatchObject({ what: "retry" });
    await expectSound(one);
  });

  test("is no reason to give a restart up: the resume has all its attempts", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    for (let failure = 1; failure <= 6; failure += 1) {
      await one.begun();
      const ended = await one.end("failed");
      one.now = ended.kind === "ended" ? (ended.dueAt ?? 0) : 0;
    }
    expect((await one.state()).restart.failures).toBe(6);
    await one.desire("running");
    await one.begun();
    expect(await one.end("failed")).toMatchObject({ what: "retry", dueAt: one.now + 5_000 });
    expect((await one.state()).restart).toMatchObject({ phase: "backoff", failures: 1, breakerOpen: false });
    await expectSound(one);
  });

  test("stopping without having been asked to has failed, and is tried again", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    await one.begun();
    expect(await one.end("canceled")).toMatchObject({ what: "retry", dueAt: at(5_000) });
    const [failed] = await one.events("WORKSPACE_RESTART_FAILED");
    expect(failed?.payload).toMatchObject({ action: "stop", error: "stopped without having been asked to" });
    expect(await one.at(5_000).cycle()).toMatchObject({ action: "stop" });
  });

  test("gives way to a resume at once", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    await one.cycle("failed");
    await one.at(1_000).desire("running");
    expect(await one.cycle()).toMatchObject({ action: "restart", startedAt: at(1_000) });
    expect(await one.begin()).toEqual({ kind: "idle" });
    await expectSound(one);
  });
});

describe("a paused ancestor", () => {
  test("keeps what is owed back until it is resumed", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.markParent(true);
    expect(await one.wakeAt()).toBeUndefined();
    expect(await one.at(10_000).begin()).toEqual({ kind: "idle" });
    await expectSound(one);
    await one.markParent(false);
    expect(await one.wakeAt()).toBe(at(2_000));
    await expectSound(one);
  });

  test("keeps a start waiting: it begins by itself once that one is resumed", async () => {
    const one = await paused();
    await one.markParent(true);
    expect(await one.at(1_000).desire("running")).toMatchObject({ kind: "accepted", waitsFor: "parent-paused" });
    expect(await one.wakeAt()).toBeUndefined();
    expect(await one.begin()).toEqual({ kind: "idle" });
    expect(await one.trigger("manual")).toMatchObject({ decision: "refused", rule: "parent-paused" });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", dueAt: undefined });
    await expectSound(one);
    await one.at(5_000).markParent(false);
    expect(await one.wakeAt()).toBe(at(1_000));
    expect(await one.cycle()).toMatchObject({ action: "restart" });
  });

  test("keeps no stop waiting, nor one that failed and is tried again", async () => {
    const one = await workspace();
    await one.at(0).markParent(true);
    await one.desire("paused");
    await one.cycle("failed");
    await one.at(1_000).desire("running");
    expect(await one.wakeAt()).toBe(at(5_000));
    await expectSound(one);
    expect(await one.at(5_000).cycle()).toMatchObject({ action: "stop", how: "retry" });
    expect(await one.begin()).toEqual({ kind: "idle" });
    await one.markParent(false);
    expect(await one.cycle()).toMatchObject({ action: "restart" });
  });

  test("lets a running cycle end, and holds its retry back", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.markParent(true);
    expect(await one.end("failed")).toMatchObject({ what: "retry", dueAt: undefined });
    expect((await one.state()).restart.dueAt).toBeUndefined();
    await expectSound(one);
    await one.markParent(false);
    expect(await one.at(5_000).begun()).toMatchObject({ how: "retry" });
  });
});
