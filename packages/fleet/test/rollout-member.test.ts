import type { Receipt, RestartEvent, WorkspaceState } from "@restart-coordinator/debounce";
import { describe, expect, test } from "vitest";
import { afterTrigger, nextStep } from "../src/rollout-member.ts";
import type { MemberRecord } from "../src/rollout-types.ts";

const SINCE = 1_000;
const COVERS_OURS = [{ source: "manual", count: 1, firstAt: 1, lastAt: 1, reasons: ["rollout r1: new image"] }];

function workspace(restart: Partial<WorkspaceState["restart"]> = {}, status: WorkspaceState["status"] = "online") {
  const idle = { phase: "idle", generation: 5, observedGeneration: 5, why: [], failures: 0, breakerOpen: false };
  return { id: "w", tags: {}, spec: {}, status, restart: { ...idle, ...restart } } as unknown as WorkspaceState;
}

function cycle(fields: Record<string, unknown>): WorkspaceState["restart"]["cycle"] {
  return { id: "c7", generation: 7, action: "restart", attempt: 1, startedAt: 2_000, covers: [], ...fields } as never;
}

function lastCycle(fields: Record<string, unknown>): WorkspaceState["restart"]["lastCycle"] {
  const last = {
    id: "c5",
    generation: 5,
    action: "restart",
    outcome: "ok",
    startedAt: 2_000,
    endedAt: 2_500,
    attempt: 1,
  };
  return { ...last, ...fields } as never;
}

function step(member: MemberRecord, now: WorkspaceState | undefined, activity: readonly RestartEvent[] = []) {
  return nextStep({ rolloutId: "r1", since: SINCE, member, workspaceId: "w", workspace: now, activity });
}

describe("a member that starts", () => {
  const starting: MemberRecord = { status: "starting" };

  test("is asked to restart", () => {
    expect(step(starting, workspace())).toEqual({ kind: "trigger" });
  });

  test("counts as done when it restarted by itself since the rollout was made", () => {
    const done = { kind: "settle", member: { status: "done", cycleId: "c5", byItself: true } };
    expect(step(starting, workspace({ lastCycle: lastCycle({ startedAt: SINCE }) }))).toEqual(done);
  });

  test.each([
    ["started before", { startedAt: SINCE - 1 }],
    ["failed", { outcome: "failed" }],
    ["was a stop", { action: "stop" }],
  ])("does not when that cycle %s", (_, fields) => {
    expect(step(starting, workspace({ lastCycle: lastCycle(fields) }))).toEqual({ kind: "trigger" });
  });

  test("is done, and not by itself, when the rollout's own trigger was covered before it could be noted", () => {
    const { lastCycle: last } = { lastCycle: lastCycle({ covers: COVERS_OURS }) };
    expect(step(starting, workspace({ lastCycle: last }))).toMatchObject({
      member: { status: "done", byItself: false },
    });
  });

  test("is watched, not asked, while a cycle runs that began since then", () => {
    const running = workspace({ phase: "running", cycle: cycle({ startedAt: SINCE }) });
    expect(step(starting, running)).toEqual({
      kind: "note",
      member: { status: "running", generation: 7, byItself: true },
    });
  });

  test("is asked while an older cycle runs: it may have read the old secret", () => {
    const running = workspace({ phase: "running", cycle: cycle({ startedAt: SINCE - 1 }) });
    expect(step(starting, running)).toEqual({ kind: "trigger" });
  });

  test("is skipped when it is gone", () => {
    expect(step(starting, undefined)).toEqual({ kind: "settle", member: { status: "skipped", rule: "removed" } });
  });

  test("that policy has dropped waits for what dropped it, then is asked again", () => {
    const dropped: MemberRecord = { status: "starting", tries: 1 };
    expect(step(dropped, workspace({ cooldownEndsAt: 9_000 }))).toEqual({ kind: "wait" });
    expect(step(dropped, workspace({ phase: "running", cycle: cycle({ startedAt: 1 }) }))).toEqual({ kind: "wait" });
    expect(step(dropped, workspace())).toEqual({ kind: "trigger" });
  });
});

describe("the answer to its trigger", () => {
  const receipt = (decision: string, rule: string) => ({ decision, rule, triggerId: `${decision}.x` }) as Receipt;

  test.each(["fired", "coalesced"])("%s: it is under way", (decision) => {
    expect(afterTrigger({ status: "starting" }, receipt(decision, "window"))).toEqual({
      kind: "note",
      member: { status: "running", triggerId: `${decision}.x` },
    });
  });

  test("refused: it is skipped, with the rule", () => {
    expect(afterTrigger({ status: "starting" }, receipt("refused", "paused"))).toEqual({
      kind: "settle",
      member: { status: "skipped", rule: "paused" },
    });
  });

  test("dropped: it is asked again, by another trigger", () => {
    expect(afterTrigger({ status: "starting", tries: 2 }, receipt("dropped", "cooldown"))).toEqual({
      kind: "note",
      member: { status: "starting", tries: 3 },
    });
  });
});

describe("a member that is under way", () => {
  const member: MemberRecord = { status: "running", triggerId: "fired.window.7.n.w" };
  const owed = { generation: 7, observedGeneration: 5 };

  test.each([
    ["is owed", { phase: "scheduled", dueAt: 3_000 }],
    ["runs", { phase: "running", cycle: cycle({}) }],
    ["waits to be tried again", { phase: "backoff", dueAt: 9_000, failures: 2 }],
  ])("waits while it %s", (_, restart) => {
    expect(step(member, workspace({ ...owed, ...restart } as never))).toEqual({ kind: "wait" });
  });

  test("is done with the good cycle that covers it", () => {
    const online = {
      event: "WORKSPACE_ONLINE",
      payload: { cycle: "c8", generation: 8, observed: 8 },
    } as unknown as RestartEvent;
    const observed = workspace({ generation: 8, observedGeneration: 8 });
    expect(step(member, observed, [online])).toMatchObject({
      kind: "settle",
      member: { status: "done", cycleId: "c8" },
    });
  });

  test("has failed once nothing tries again by itself", () => {
    const failed = { ...owed, phase: "failed", lastCycle: lastCycle({ outcome: "failed", error: "no capacity" }) };
    expect(step(member, workspace(failed as never))).toMatchObject({
      kind: "settle",
      member: { status: "failed", error: "no capacity" },
    });
  });

  test("is skipped when somebody cancels what is owed", () => {
    const canceled = { event: "WORKSPACE_RESTART_CANCELED", payload: { generation: 8, observed: 8 } };
    const observed = workspace({ generation: 8, observedGeneration: 8 });
    expect(step(member, observed, [canceled as unknown as RestartEvent])).toMatchObject({
      member: { status: "skipped", rule: "canceled" },
    });
  });

  test.each([
    ["held", workspace({ ...owed, phase: "held", dueAt: 9_000 })],
    ["paused", workspace(owed, "paused")],
    ["hibernated", workspace(owed, "hibernated")],
    ["external", workspace(owed, "external")],
    ["removed", workspace(owed, "removing")],
    ["parent-paused", workspace(owed)],
    ["removed", undefined],
  ])("is skipped when it is %s before its restart", (rule, now) => {
    expect(step(member, now)).toMatchObject({ kind: "settle", member: { status: "skipped", rule } });
  });

  test("is asked again when Redis has forgotten the trigger", () => {
    expect(step(member, workspace({ generation: 6, observedGeneration: 6 }))).toEqual({ kind: "trigger" });
  });
});
