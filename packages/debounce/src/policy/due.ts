/**
 * When a workspace's owed cycle may start and why then, and the phase that people see. Pure; `lua/shared/due.lua` says
 * the same where the facts live.
 */
import type { Phase, Refusal } from "../vocabulary.ts";
import type { QuietInterval } from "./policy.ts";

/** What a workspace is owed: the triggers that no cycle has begun to cover yet. */
export interface Owed {
  /** The earliest moment at which one of them wanted a cycle at once. */
  readonly dueNowAt: number | undefined;
  /** The latest end of quiet that a trailing one asked for. */
  readonly quietEndsAt: number | undefined;
  /** The earliest `maxWaitMs` deadline of a trailing one. */
  readonly deadlineAt: number | undefined;
  /** A person asked: the cycle ignores the cooldown. */
  readonly ignoreCooldown: boolean;
  /** A person asked with force: the cycle ignores a hold. */
  readonly overrideHold: boolean;
  /** A person, or a source that may restart in quiet hours, asked: the cycle ignores them. */
  readonly ignoreQuietHours: boolean;
  /** A change or a person is behind one of them: an attempt is worth its while though the breaker opens. */
  readonly deliberate: boolean;
  /** Our own restarts bring it about, again and again: nothing starts it but a change or a person. */
  readonly looping: boolean;
  /** When the first trigger of each source arrived. */
  readonly firstAt: Readonly<Record<string, number>>;
}

/** What decides when an owed cycle may start. Times are ms on one clock. */
export interface DueFacts {
  readonly owed: Owed | undefined;
  /** End of the cooldown after the last new cycle's start; undefined when there was none. */
  readonly cooldownEndsAt: number | undefined;
  /** After a failure, nothing starts before this. */
  readonly backoffEndsAt: number | undefined;
  /** The restart budget of the day is spent until then. */
  readonly budgetUntil?: number | undefined;
  /** An operator holds restarts back until then; Infinity = until released. */
  readonly heldUntil: number | undefined;
  /** Quiet hours, in order and apart from each other. */
  readonly quietHours?: readonly QuietInterval[] | undefined;
}

/** What an owed cycle waits for last, or why it starts when it does. */
export const BECAUSE = [
  "desired",
  "asked",
  "at-once",
  "quiet",
  "max-wait",
  "cooldown",
  "budget",
  "backoff",
  "hold",
  "quiet-hours",
] as const;
export type Because = (typeof BECAUSE)[number];

export interface Due {
  /** ms. */
  readonly at: number;
  readonly because: Because;
}

/** Says when the owed cycle may start, by the facts (rule 7). Undefined when nothing is owed or nothing will start it. */
export function dueOf(facts: DueFacts, now: number): Due | undefined {
  const { owed } = facts;
  if (owed === undefined || owed.looping) return undefined;
  const asked = earliestOf(owed);
  if (asked === undefined) return undefined;
  let { at, because } = asked;
  const notBefore = (until: number | undefined, reason: Because): void => {
    if (until === undefined || until <= at) return;
    at = until;
    because = reason;
  };
  if (!owed.ignoreCooldown) {
    notBefore(facts.cooldownEndsAt, "cooldown");
    notBefore(facts.budgetUntil, "budget");
  }
  notBefore(facts.backoffEndsAt, "backoff");
  if (!owed.overrideHold) notBefore(facts.heldUntil, "hold");
  for (const [start, end] of owed.ignoreQuietHours ? [] : (facts.quietHours ?? [])) {
    const startsAt = Math.max(at, now);
    if ((start <= at && at < end) || (start <= startsAt && startsAt < end)) notBefore(end, "quiet-hours");
  }
  if (at === Infinity) return undefined;
  return { at, because: owed.ignoreCooldown ? "asked" : because };
}

/** What the triggers themselves ask for: at once, or when it has been quiet for long enough. */
function earliestOf({ dueNowAt, quietEndsAt, deadlineAt = Infinity }: Owed): Due | undefined {
  if (quietEndsAt === undefined) return dueNowAt === undefined ? undefined : { at: dueNowAt, because: "at-once" };
  const at = Math.min(quietEndsAt, deadlineAt);
  if (dueNowAt !== undefined && dueNowAt <= at) return { at: dueNowAt, because: "at-once" };
  return { at, because: quietEndsAt <= deadlineAt ? "quiet" : "max-wait" };
}

/** How a workspace stands, as far as its phase is concerned. */
export interface Standing extends DueFacts {
  readonly refusal: Refusal | undefined;
  /** A change of the desired state waits to be carried out; undefined also where it waits for an ancestor. */
  readonly desireAt: number | undefined;
  /** A cycle has begun and not ended, its worker alive or not. */
  readonly running: boolean;
  /** A cycle failed and waits to be tried again, a restart or a stop. */
  readonly retrying: "restart" | "stop" | undefined;
  /** When the stop is tried again. */
  readonly stopRetryAt: number | undefined;
  /** Restarts failed so often that none is tried any more without a reason. */
  readonly breakerOpen: boolean;
}

/** Says when the next cycle, or the next attempt, may start; while one runs, what follows it. Undefined = not by itself. */
export function wakeOf(standing: Standing, now: number): Due | undefined {
  const { desireAt, retrying, stopRetryAt, running, refusal, backoffEndsAt, heldUntil } = standing;
  if (!running && desireAt !== undefined) return { at: desireAt, because: "desired" };
  if (retrying === "stop") return stopRetryAt === undefined ? undefined : { at: stopRetryAt, because: "backoff" };
  if (refusal !== undefined) return undefined;
  if (retrying === undefined || backoffEndsAt === undefined) return dueOf(standing, now);
  if (isAhead(heldUntil, now) && heldUntil > backoffEndsAt) return { at: heldUntil, because: "hold" };
  return { at: backoffEndsAt, because: "backoff" };
}

/** Says which phase people see. */
export function phaseOf(standing: Standing, now: number): Phase {
  const { running, desireAt, heldUntil, retrying, owed, breakerOpen, budgetUntil, backoffEndsAt } = standing;
  if (running) return "running";
  if (desireAt !== undefined) return "scheduled";
  if (isAhead(heldUntil, now)) return "held";
  if (retrying !== undefined) return "backoff";
  if (owed === undefined) return "idle";
  if (wakeOf(standing, now) === undefined) return breakerOpen || owed.looping ? "failed" : "idle";
  if (isAhead(budgetUntil, now) && !owed.ignoreCooldown) return "held";
  return isAhead(backoffEndsAt, now) ? "backoff" : "scheduled";
}

/** Intervals are half-open: what ends at `now` has ended. */
export function isAhead(end: number | undefined, now: number): end is number {
  return end !== undefined && end > now;
}
