/** What the scripts take, made of what the library knows: texts and numbers as text. */
import { type BudgetPolicy, LOOP, NO_BUDGET, type Policy, type RetryPolicy, type SourcePolicy } from "./policy.ts";
import { type Choice, ignoresQuietHours } from "./policy-set.ts";
import type { ScriptArguments } from "./scripts.ts";
import type { Step, TriggerCall } from "./transition-types.ts";
import { keptText } from "./why.ts";

type Arguments<Name extends string> = Readonly<Record<Name, string>>;

/** The arguments by the policy that the id leaves, and those the script puts in their place where the registry says so. */
export function chosenFrom<Name extends string>(
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

export function sourceArguments(whole: Policy, source: string) {
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

export function beginArguments(policy: Policy) {
  const { cooldownMs, budget = NO_BUDGET } = policy;
  return {
    cooldownMs: String(cooldownMs),
    budgetCycles: String(budget.cycles),
    budgetDowntimeMs: String(budget.downtimeMs),
    quietHours: quietHoursArgument(policy),
  };
}

export function endArguments(retry: RetryPolicy, budget: BudgetPolicy = NO_BUDGET) {
  return {
    breakerAfter: retry.breakerAfter,
    backoffMs: retry.backoffMs,
    maxBackoffMs: retry.maxBackoffMs,
    budgetCycles: budget.cycles,
    budgetDowntimeMs: budget.downtimeMs,
  };
}

function quietHoursArgument({ quietHours }: Policy): string {
  return quietHours === undefined || quietHours.intervals.length === 0 ? "" : JSON.stringify(quietHours.intervals);
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
