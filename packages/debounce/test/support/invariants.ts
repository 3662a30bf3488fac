/** What must hold of every workspace between any two transitions. */
import { expect } from "vitest";
import { describeWorkspace } from "../../src/workspace/workspace-state.ts";
import type { TestWorkspace } from "./workspace.ts";

export async function expectSound(workspace: TestWorkspace, after = ""): Promise<void> {
  const [snapshot, wakeAt, stateTtl, journalTtl] = await Promise.all([
    workspace.view(),
    workspace.wakeAt(),
    workspace.ttl("state"),
    workspace.ttl("journal"),
  ]);
  const { state, why, covers } = snapshot;
  const entry = snapshot.workspace;
  const { restart } = describeWorkspace(workspace.id, snapshot);
  const told = (what: string) =>
    `${what} ${after}\n${JSON.stringify({ entry, state, why, covers, wakeAt, now: workspace.now })}`;
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const ahead = (text: string | undefined) => (number(text) ?? 0) > workspace.now;

  const hasCycle = state.cycle !== undefined;
  const running = hasCycle && state.retrying === undefined;
  const owed = state.owedAt !== undefined;
  const refused = entry.desired !== "running" || entry.runtime === "external" || entry.parentPaused !== undefined;

  if (running) {
    expect(wakeAt, told("a running cycle is looked at when its lease ends")).toBe(number(state.leaseEndsAt));
    expect(state.owner !== undefined || !ahead(state.leaseEndsAt), told("who acts is known")).toBe(true);
  } else if (state.desireAt !== undefined && !(refused && entry.desired === "running")) {
    expect(wakeAt, told("a wish of the desired state is looked at")).toBe(number(state.desireAt));
  } else if (hasCycle && state.action !== "restart") {
    expect(wakeAt, told("a failed stop is tried again")).toBe(number(state.stopRetryAt));
  } else if (
    (owed || hasCycle) &&
    !refused &&
    !((state.breaker !== undefined || state.loop !== undefined) && wakeAt === undefined)
  ) {
    expect(wakeAt, told("what is owed is looked at")).toBeGreaterThan(0);
  } else if (wakeAt !== undefined) {
    expect.fail(told("nobody need look"));
  }
  const retryAt = state.action === "restart" ? state.backoffEndsAt : state.stopRetryAt;
  if (hasCycle && !running) expect(retryAt, told("a retry has a time")).toBeDefined();
  if (state.breaker !== undefined)
    expect(hasCycle && !running && state.action === "restart", told("an open breaker retries nothing")).toBe(false);

  const behind = restart.generation > restart.observedGeneration;
  if (behind && entry.desired === "running") {
    expect(owed || hasCycle || state.desireAt !== undefined, told("a generation behind is owed to somebody")).toBe(
      true,
    );
  }
  if (owed) expect(behind, told("what is owed shows in the generation")).toBe(true);
  if (!owed) expect(why, told("a why without anything owed")).toEqual({});
  if (!hasCycle || state.action !== "restart") expect(covers, told("covers without a restart")).toBeUndefined();

  const held = ahead(state.heldUntil) && state.overrideHold === undefined;
  if (held && owed && !hasCycle && state.desireAt === undefined && wakeAt !== undefined) {
    expect(wakeAt, told("a hold is waited for")).toBeGreaterThanOrEqual(number(state.heldUntil) ?? 0);
  }

  const ends = (JSON.parse(state.holds ?? "[]") as { endsAt: number }[]).map(({ endsAt }) => endsAt);
  const latest = ends.length === 0 ? undefined : Math.max(...ends);
  expect(number(state.heldUntil), told("held until the last hold ends")).toBe(latest);

  const busy = owed || hasCycle || state.desireAt !== undefined;
  if (busy) expect(stateTtl, told("a state somebody waits for never expires")).toBeUndefined();
  else if (state.breaker === undefined && Object.keys(state).length > 0) {
    expect(stateTtl, told("an idle workspace's state expires")).toBeGreaterThan(0);
    expect(journalTtl, told("an idle workspace's journal expires")).not.toBeUndefined();
  }

  const phases: Record<string, boolean> = {
    running,
    scheduled: !running && wakeAt !== undefined,
    held: ahead(state.heldUntil) || ahead(state.budgetUntil),
    backoff: hasCycle || ahead(state.backoffEndsAt),
    failed: state.breaker !== undefined || state.loop !== undefined,
    idle: !running && (wakeAt === undefined || refused),
  };
  expect(phases[restart.phase], told(`the phase ${restart.phase} is true`)).toBe(true);
  if (restart.phase === "idle" && behind && entry.desired === "running") {
    expect(refused, told("idle while something is owed")).toBe(true);
  }
}
