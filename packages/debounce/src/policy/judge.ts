/**
 * The policy as a pure function: facts and a time in, a decision out. No clock, no Redis.
 *
 * `lua/trigger.lua` makes the same judgement where the facts live; this one is the meaning it is tested against, and
 * what a simulation runs. All times are milliseconds on one clock; intervals are half-open, so that something which
 * ends at `now` has ended.
 */
import type { Decision, Refusal, Rule } from "../vocabulary.ts";
import { type Due, type DueFacts, dueOf, isAhead, type Owed } from "./due.ts";
import type { SourcePolicy } from "./policy.ts";

export interface Facts extends DueFacts {
  readonly refusal: Refusal | undefined;
  /** End of the source's claimed window; undefined when it was never claimed. */
  readonly windowEndsAt: number | undefined;
  /** A cycle has begun and not ended, its worker alive or not. */
  readonly running: boolean;
  /** A cycle failed and waits to be tried again. */
  readonly retrying: boolean;
  /** Restarts failed so often that none is tried any more without a reason. */
  readonly breakerOpen: boolean;
}

export interface Judgement {
  readonly decision: Decision;
  readonly rule: Rule;
  /** End of the window this trigger claimed, if it claimed one. */
  readonly claimedUntil: number | undefined;
  /** What is owed afterwards. */
  readonly owed: Owed | undefined;
  /** When the owed cycle may start, as far as is known now: a running cycle's end is not. Undefined = not by itself. */
  readonly dueAt: number | undefined;
  /** A person asked while a failed cycle waited: that one is over, and the next covers what it covered. */
  readonly supersedes: boolean;
}

const NOTHING_OWED: Owed = {
  dueNowAt: undefined,
  quietEndsAt: undefined,
  deadlineAt: undefined,
  ignoreCooldown: false,
  overrideHold: false,
  ignoreQuietHours: false,
  deliberate: false,
  looping: false,
  firstAt: {},
};

export interface TriggerFacts {
  readonly source: string;
  /** Whether a person overrides a hold with it. */
  readonly force?: boolean;
  /** A write of the very bytes that are there: nothing for a restart to read. */
  readonly unchanged?: boolean;
  /** The source may restart in quiet hours. */
  readonly ignoresQuietHours?: boolean;
  /** Whether it was this that followed each of the last restarts: lua/trigger.lua says when that is so. */
  readonly closesLoop?: boolean;
}

/** Judges one trigger. The numbers in the comments are DESIGN's order of judgement, kept in docs/policies.md. */
export function judge(facts: Facts, trigger: TriggerFacts, policy: SourcePolicy, now: number): Judgement {
  // 1. Refused: nothing is claimed.
  if (facts.refusal !== undefined) return unowed(facts, "refused", facts.refusal, undefined, now);

  // 1a. Nothing changed: it is as if nobody had asked. No window is claimed.
  if (trigger.unchanged) return unowed(facts, "dropped", "unchanged", undefined, now);

  // 2. A free window is claimed, whatever follows. A source without a window has nothing to lose.
  const claimedUntil = policy.windowMs > 0 && !isAhead(facts.windowEndsAt, now) ? now + policy.windowMs : undefined;
  const wonWindow = policy.windowMs === 0 || claimedUntil !== undefined;
  const cooling = isAhead(facts.cooldownEndsAt, now);
  const byPerson = policy.cooldown === "ignore";

  // 3. The cycle under way, or about to be tried again, is what such a source complains about.
  if (policy.running === "drop" && facts.running) return unowed(facts, "dropped", "running", claimedUntil, now);
  if (policy.running === "drop" && facts.retrying) return unowed(facts, "dropped", "backoff", claimedUntil, now);
  // 4. The window belongs to an earlier trigger.
  if (!wonWindow && !policy.trailing) return unowed(facts, "dropped", "window", claimedUntil, now);
  // 5. So soon after a restart such a source only sees what the restart did.
  if (cooling && policy.cooldown === "drop") return unowed(facts, "dropped", "cooldown", claimedUntil, now);

  // 6. It is owed.
  const before = facts.owed ?? NOTHING_OWED;
  const idle = facts.owed === undefined && !facts.running && !facts.retrying && !cooling;
  const firstAt = { ...before.firstAt, [trigger.source]: before.firstAt[trigger.source] ?? now };
  const overrideHold = before.overrideHold || trigger.force === true;
  const deliberate = before.deliberate || !policy.automatic;
  // A change or a person ends a loop.
  const looping = !deliberate && (before.looping || trigger.closesLoop === true);
  const common = { ...before, firstAt, overrideHold, deliberate, looping };
  const stuck = policy.automatic && (looping || (facts.breakerOpen && !facts.running));
  const waitsForQuiet = policy.trailing && !(policy.leading && wonWindow && idle);
  const ignoreQuietHours = before.ignoreQuietHours || byPerson || trigger.ignoresQuietHours === true;
  const owed: Owed = stuck
    ? common
    : waitsForQuiet && !byPerson
      ? {
          ...common,
          ignoreQuietHours,
          quietEndsAt: Math.max(before.quietEndsAt ?? 0, now + policy.windowMs),
          deadlineAt: Math.min(before.deadlineAt ?? Infinity, (firstAt[trigger.source] ?? now) + policy.maxWaitMs),
        }
      : {
          ...common,
          ignoreQuietHours,
          dueNowAt: before.dueNowAt ?? now,
          ignoreCooldown: before.ignoreCooldown || byPerson,
        };

  // A person's request clears what earlier failures put in the way.
  const clears = byPerson && !facts.running;
  const after: Facts = clears
    ? { ...facts, owed, retrying: false, breakerOpen: false, backoffEndsAt: undefined }
    : { ...facts, owed };

  // 7. When it may start.
  const due = dueOf(after, now);
  const startable = !after.running && !after.retrying;
  const wasDue = startable && !facts.retrying && isDue(dueOf(facts, now), now);
  const supersedes = clears && facts.retrying;

  // 8. The decision, and the first rule that holds it back.
  const verdict = (decision: Decision, rule: Rule): Judgement => ({
    decision,
    rule,
    claimedUntil,
    owed,
    dueAt: due?.at,
    supersedes,
  });
  if (startable && !wasDue && isDue(due, now)) return verdict("fired", "window");
  if (owed.looping) return verdict("coalesced", "loop");
  if (isAhead(facts.heldUntil, now) && !owed.overrideHold) return verdict("coalesced", "held");
  if (after.running) return verdict("coalesced", "running");
  if (stuck) return verdict("coalesced", "breaker");
  if (after.retrying || isAhead(after.backoffEndsAt, now)) return verdict("coalesced", "backoff");
  if (isAhead(facts.budgetUntil, now) && !owed.ignoreCooldown) return verdict("coalesced", "budget");
  if (due?.because === "quiet-hours" && due.at > now) return verdict("coalesced", "quiet-hours");
  if (facts.owed !== undefined) return verdict("coalesced", "pending");
  if (cooling && !owed.ignoreCooldown) return verdict("coalesced", "cooldown");
  return verdict("coalesced", "window");
}

function unowed(
  facts: Facts,
  decision: Decision,
  rule: Rule,
  claimedUntil: number | undefined,
  now: number,
): Judgement {
  return { decision, rule, claimedUntil, owed: facts.owed, dueAt: dueOf(facts, now)?.at, supersedes: false };
}

function isDue(due: Due | undefined, now: number): boolean {
  return due !== undefined && due.at <= now;
}
