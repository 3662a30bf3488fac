/** What the scripts take, made of what the library knows: texts and numbers as text. */
import type { ScriptArguments } from "@restart-coordinator/redis-scripts";
import { LOOP, NO_BUDGET, type Policy, type QuietHours, type SourcePolicy } from "../policy/policy.ts";
import { type Choice, ignoresQuietHours } from "../policy/policy-set.ts";
import type { TriggerCall } from "../triggers/trigger-call.ts";
import { keptText } from "../triggers/why.ts";
import type { BeginCall, EndCall, RescheduleCall, Step, TransitionSettings } from "./types.ts";

type Arguments<Name extends string> = Readonly<Record<Name, string>>;

/** Gives the arguments by the policy that the id leaves, and those the script puts in their place by the registry. */
function chosenFrom<Name extends string>(
  { otherwise, alternatives }: Choice,
  argumentsOf: (policy: Policy) => Arguments<Name>,
): Arguments<Name | "alternatives"> {
  const list = alternatives.map(({ match: { tags, runtime }, policy }) => ({
    tags,
    runtime,
    set: argumentsOf(policy),
  }));
  const chosen = { alternatives: list.length === 0 ? "" : JSON.stringify(list) };
  return { ...argumentsOf(otherwise), ...chosen } as Arguments<Name | "alternatives">;
}

function sourceArguments(whole: Policy, source: string) {
  const { sources, loop = LOOP } = whole;
  const policy = sources[source] as SourcePolicy;
  return {
    windowMs: String(policy.windowMs),
    leading: flag(policy.leading),
    trailing: flag(policy.trailing),
    maxWaitMs: String(policy.maxWaitMs),
    cooldown: policy.cooldown,
    running: policy.running,
    automatic: flag(policy.automatic),
    loopCycles: String(loop.cycles),
    loopWithinMs: String(loop.withinMs),
    quietHours: quietHoursArgument(whole),
    ignoresQuietHours: flag(ignoresQuietHours(whole, source)),
  };
}

function policyArguments(policy: Policy) {
  const { cooldownMs, budget = NO_BUDGET } = policy;
  return {
    cooldownMs: String(cooldownMs),
    budgetCycles: String(budget.cycles),
    budgetDowntimeMs: String(budget.downtimeMs),
    quietHours: quietHoursArgument(policy),
  };
}

const quietHoursJson = new WeakMap<QuietHours, string>();

/** As JSON; a policy's many intervals are written once, not for every trigger. */
function quietHoursArgument({ quietHours }: Policy): string {
  if (quietHours === undefined || quietHours.intervals.length === 0) return "";
  const json = quietHoursJson.get(quietHours) ?? JSON.stringify(quietHours.intervals);
  quietHoursJson.set(quietHours, json);
  return json;
}

/** What triggers of a source have in common. */
export function triggerArguments(call: TriggerCall, { activityTtlMs }: TransitionSettings): ScriptArguments {
  const { choice, source, write, onHold, seenFence = "" } = call;
  const { idempotencyCaller = "library", idempotencyKey = "", idempotencyBody = "" } = call;
  const chosen = chosenFrom(choice, (policy) => sourceArguments(policy, source));
  return {
    source,
    ...chosen,
    write: flag(write),
    onHold,
    idempotencyCaller,
    seenFence,
    idempotencyKey,
    idempotencyBody,
    activityTtlMs,
    now: call.now ?? "",
  };
}

/** What begins have in common. */
export function beginArguments({ choice, now }: BeginCall, settings: TransitionSettings): ScriptArguments {
  const { leaseMs, activityTtlMs } = settings;
  return { leaseMs, ...chosenFrom(choice, policyArguments), activityTtlMs, now: now ?? "" };
}

export function rescheduleArguments(call: RescheduleCall, settings: TransitionSettings): ScriptArguments {
  const { leaseMs, activityTtlMs } = settings;
  return { leaseMs, ...chosenFrom(call.choice, policyArguments), activityTtlMs, now: call.now ?? "" };
}

/** What ends have in common. */
export function endArguments(call: EndCall, { activityTtlMs }: TransitionSettings): ScriptArguments {
  const { retry, budget = NO_BUDGET, pauseMs = 0, now } = call;
  return {
    breakerAfter: retry.breakerAfter,
    backoffMs: retry.backoffMs,
    maxBackoffMs: retry.maxBackoffMs,
    budgetCycles: budget.cycles,
    budgetDowntimeMs: budget.downtimeMs,
    pauseMs,
    activityTtlMs,
    now: now ?? "",
  };
}

/** Of a trigger, what it does not share with others of its source. */
export function ownArguments(call: TriggerCall): ScriptArguments {
  const more = moreOf({ reason: call.moreReasons, actor: call.moreActors, file: call.moreFiles });
  const texts = { reason: call.reasons, actor: call.actors, file: listed(call.files), more, trace: call.trace };
  return {
    id: call.id,
    count: call.count,
    texts: JSON.stringify(texts),
    // Of one, the first are all.
    firstTexts: call.count === 1 ? "" : firstTexts(call),
  };
}

function firstTexts(call: TriggerCall): string {
  return JSON.stringify({
    reason: [call.firstReason ?? ""],
    actor: [call.firstActor ?? ""],
    file: listed(call.firstFiles),
    more: moreOf({ file: call.firstMoreFiles }),
  });
}

/** What is not there is not sent. */
function listed(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts === undefined || texts.length === 0 ? undefined : texts;
}

function moreOf(left: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> | undefined {
  const some = Object.entries(left).filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0);
  return some.length === 0 ? undefined : Object.fromEntries(some);
}

/** Who did it and why, as it is kept. */
export function byOf(call: { actor: string; reason?: string | undefined }): { actor: string; reason: string } {
  return { actor: keptText(call.actor), reason: keptText(call.reason ?? "") };
}

export function stepsJson(steps: readonly Step[] | undefined): string {
  return steps === undefined || steps.length === 0 ? "" : JSON.stringify(steps);
}

export function flag(value: boolean): string {
  return value ? "1" : "0";
}
