/** What to do next with a member of a rollout that is under way: facts in, decision out. Pure. */
import {
  type LastCycle,
  outcomeOf,
  parseTriggerId,
  type Receipt,
  type RestartEvent,
  type TriggerId,
  type WorkspaceState,
} from "@restart-coordinator/debounce";
import type { MemberRecord } from "./rollout-types.ts";

export type MemberStep =
  /** Ask for its restart; asking again with the same number of tries is the same trigger. */
  | { readonly kind: "trigger" }
  | { readonly kind: "note"; readonly member: MemberRecord }
  | { readonly kind: "settle"; readonly member: MemberRecord }
  | { readonly kind: "wait" };

export interface MemberFacts {
  readonly rolloutId: string;
  /** When the rollout was created: what restarted since then has what it was made for. */
  readonly since: number;
  readonly member: MemberRecord;
  readonly workspaceId: string;
  /** Undefined when it is not registered (any more). */
  readonly workspace: WorkspaceState | undefined;
  readonly activity: readonly RestartEvent[];
}

export function nextStep(facts: MemberFacts): MemberStep {
  const { workspace, member } = facts;
  if (workspace === undefined) return skip(member, "removed");
  return member.status === "starting" ? startOf(facts, workspace) : progressOf(facts, workspace);
}

/** Whether the activity is looked at: only it tells a good cycle and a cancellation apart. */
export function needsActivity(member: MemberRecord, workspace: WorkspaceState | undefined): boolean {
  if (workspace === undefined || member.status !== "running") return false;
  return triggerOf(member, workspace.id).generation <= workspace.restart.observedGeneration;
}

/** What the answer to the rollout's trigger means. */
export function afterTrigger(member: MemberRecord, { decision, rule, triggerId }: Receipt): MemberStep {
  if (decision === "refused") return skip(member, rule);
  // By policy nothing covers it: asked again once what dropped it is over.
  if (decision === "dropped") return { kind: "note", member: { ...member, tries: (member.tries ?? 0) + 1 } };
  return { kind: "note", member: { ...member, status: "running", triggerId } };
}

function startOf({ member, since, rolloutId }: MemberFacts, { restart }: WorkspaceState): MemberStep {
  const { lastCycle, cycle, phase } = restart;
  const wasCovered = lastCycle?.outcome === "ok" && lastCycle.startedAt >= since;
  if (wasCovered && lastCycle.action === "restart") {
    return settle(member, { status: "done", cycleId: lastCycle.id, byItself: !namesRollout(lastCycle, rolloutId) });
  }
  // One that began since then has what the rollout was made for: a second restart would be one too many.
  if (cycle !== undefined && cycle.action === "restart" && cycle.startedAt >= since) {
    const byItself = !namesRollout(cycle, rolloutId);
    return { kind: "note", member: { ...member, status: "running", generation: cycle.generation, byItself } };
  }
  const isInTheWay = phase === "running" || phase === "backoff" || restart.cooldownEndsAt !== undefined;
  if ((member.tries ?? 0) > 0 && isInTheWay) return { kind: "wait" };
  return { kind: "trigger" };
}

function progressOf({ member, workspaceId, activity }: MemberFacts, workspace: WorkspaceState): MemberStep {
  const outcome = outcomeOf(triggerOf(member, workspaceId), workspace, activity);
  // Lost with a Redis that failed over: asked for again.
  if (outcome === undefined) return { kind: "trigger" };
  switch (outcome.status) {
    case "done":
      return settle(member, { status: "done", cycleId: outcome.cycleId });
    case "failed":
      return settle(member, { status: "failed", error: outcome.error });
    case "canceled":
      return skip(member, "canceled");
    case "dropped":
    case "refused":
      return skip(member, outcome.rule);
    case "running":
      return { kind: "wait" };
    case "pending":
      break;
  }
  if (outcome.phase === "held") return skip(member, "held");
  // Owed, but nothing starts it by itself.
  return outcome.dueAt === undefined ? skip(member, refusalOf(workspace)) : { kind: "wait" };
}

function refusalOf({ status }: WorkspaceState): string {
  if (status === "removing") return "removed";
  return status === "paused" || status === "hibernated" || status === "external" ? status : "parent-paused";
}

function triggerOf({ triggerId, generation = 0 }: MemberRecord, workspaceId: string): TriggerId {
  const own = triggerId === undefined ? undefined : parseTriggerId(triggerId);
  return own ?? { decision: "coalesced", rule: "running", generation, nonce: "-", workspaceId };
}

function namesRollout({ covers }: Pick<LastCycle, "covers">, rolloutId: string): boolean {
  return (covers ?? []).some(({ reasons = [] }) => reasons.some((reason) => reason.includes(rolloutId)));
}

function settle(member: MemberRecord, end: MemberRecord): MemberStep {
  return { kind: "settle", member: { ...member, ...end } };
}

function skip(member: MemberRecord, rule: string): MemberStep {
  return settle(member, { status: "skipped", rule });
}
