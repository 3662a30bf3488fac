/** The words of the coordinator. Every receipt, event, log line and metric label uses these and no others. */

/** What became of a trigger. */
export const DECISIONS = [
  /** A cycle is due now because of this trigger. */
  "fired",
  /** A pending or follow-up cycle will cover it. */
  "coalesced",
  /** By policy nothing will cover it. */
  "dropped",
  /** The workspace may not be restarted. */
  "refused",
] as const;
export type Decision = (typeof DECISIONS)[number];

/** Why a workspace may not be restarted. */
export const REFUSALS = ["removed", "external", "paused", "hibernated", "parent-paused"] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The rule that made a decision. */
export const RULES = [
  "window",
  "cooldown",
  "running",
  "pending",
  "held",
  "backoff",
  "breaker",
  "budget",
  "quiet-hours",
  "loop",
  ...REFUSALS,
] as const;
export type Rule = (typeof RULES)[number];

/** The rules that can make each decision. */
export const RULES_OF = {
  fired: ["window"],
  coalesced: [
    "window",
    "cooldown",
    "running",
    "pending",
    "held",
    "backoff",
    "breaker",
    "budget",
    "quiet-hours",
    "loop",
  ],
  dropped: ["window", "cooldown", "running", "backoff"],
  refused: REFUSALS,
} as const satisfies Readonly<Record<Decision, readonly Rule[]>>;

/** A decision and the rule that made it. */
export interface Verdict {
  readonly decision: Decision;
  readonly rule: Rule;
}

/** How a cycle ended. Only `ok` moves the observed generation. */
export const OUTCOMES = ["ok", "failed", "declined", "canceled", "superseded"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Where a workspace's restart stands. */
export const PHASES = ["idle", "scheduled", "running", "backoff", "held", "failed"] as const;
export type Phase = (typeof PHASES)[number];

/** What a workspace shall be, as people asked for it. */
export const DESIRES = ["running", "paused", "hibernated", "removed"] as const;
export type Desire = (typeof DESIRES)[number];

export const STATUSES = [
  "provisioning",
  "online",
  "offline",
  "paused",
  "hibernated",
  "external",
  "removing",
  "failed",
  /** It should run, and something of it does, but it does not serve. */
  "unhealthy",
  /** It was left running, and nobody has looked at it for longer than workers take to look at all. */
  "unknown",
] as const;
export type Status = (typeof STATUSES)[number];

/** Events, written in the same atomic step as the change they report. docs/events.md describes each. */
export const EVENTS = [
  "WORKSPACE_AUTO_RESTART_FIRED",
  "WORKSPACE_RESTART_COALESCED",
  "WORKSPACE_RESTART_DROPPED",
  "WORKSPACE_RESTART_REFUSED",
  "WORKSPACE_RESTARTING_MID_WRITE",
  "WORKSPACE_PROVISIONING",
  "WORKSPACE_ONLINE",
  "WORKSPACE_OFFLINE",
  "WORKSPACE_RESTART_FAILED",
  "WORKSPACE_RESTART_DECLINED",
  "WORKSPACE_RESTART_STILL_DECLINED",
  "WORKSPACE_PAUSED",
  "WORKSPACE_RESUMED",
  "WORKSPACE_HELD",
  "WORKSPACE_RELEASED",
  "WORKSPACE_RESTART_CANCELED",
  "WORKSPACE_RESTART_FLUSHED",
  "WORKSPACE_RESTART_LOOP",
  "WORKSPACE_RESTART_BUDGET_SPENT",
  "WORKSPACE_REMOVED",
  "WORKSPACE_DOWN",
  "WORKSPACE_UP",
  "WORKSPACE_ADOPTED",
  "WORKSPACE_STRAY",
  "WORKSPACE_DRIFTED",
  "CLOCK_SET_BACK",
  "REDIS_CAME_BACK_EMPTY",
] as const;
export type EventName = (typeof EVENTS)[number];
