import { InvalidArgumentError, needFields, needKind, needOneOf } from "../checks.ts";
import { OBSERVE, type Policy, type SourcePolicy } from "./policy.ts";

/** A policy that cannot work. The message names the source, what was given and what would do. */
export class ImpossiblePolicyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ImpossiblePolicyError";
  }
}

const SOURCE_NAME = /^[a-z][a-z0-9-]{0,63}$/;

const POLICY_FIELDS = [
  "cooldownMs",
  "sources",
  "retry",
  "loop",
  "budget",
  "quietHours",
  "observe",
] as const satisfies (keyof Policy)[];
const SOURCE_FIELDS = [
  "windowMs",
  "leading",
  "trailing",
  "maxWaitMs",
  "cooldown",
  "running",
  "automatic",
] as const satisfies (keyof SourcePolicy)[];

/** @throws ImpossiblePolicyError that names every combination that cannot work, or the first field that is none */
export function checkPolicy(policy: Policy): void {
  checkShape(policy);
  const problems = impossibilitiesOf(policy);
  if (problems.length > 0) throw new ImpossiblePolicyError(problems.join("; "));
}

/** Everything about a policy that cannot work; each begins with the field it is about. */
export function impossibilitiesOf(policy: Policy): string[] {
  const { backoffMs, maxBackoffMs, breakerAfter } = policy.retry;
  const { loop, budget, observe = OBSERVE } = policy;
  const loopCycles = loop?.cycles ?? 0;
  const budgetCycles = budget?.cycles ?? 0;
  return [
    ...notADuration("cooldownMs", policy.cooldownMs),
    ...notADuration("retry.backoffMs", backoffMs),
    ...notADuration("retry.maxBackoffMs", maxBackoffMs),
    ...when(
      maxBackoffMs < backoffMs,
      `retry.maxBackoffMs (${maxBackoffMs}) must not be below retry.backoffMs (${backoffMs})`,
    ),
    ...when(
      !Number.isInteger(breakerAfter) || breakerAfter < 1,
      `retry.breakerAfter must be a whole number from 1, got ${breakerAfter}`,
    ),
    ...when(
      !Number.isInteger(loopCycles) || loopCycles < 0 || loopCycles === 1 || loopCycles > 20,
      `loop.cycles must be a whole number from 2 to 20, or 0 for never, got ${loopCycles}`,
    ),
    ...notADuration("loop.withinMs", loop?.withinMs ?? 0),
    ...when(
      !Number.isSafeInteger(budgetCycles) || budgetCycles < 0,
      `budget.cycles must be a whole number from 0, got ${budgetCycles}`,
    ),
    ...notADuration("budget.downtimeMs", budget?.downtimeMs ?? 0),
    ...when(
      !Number.isInteger(observe.downAfter) || observe.downAfter < 1 || observe.downAfter > 20,
      `observe.downAfter must be a whole number from 1 to 20, got ${observe.downAfter}`,
    ),
    ...Object.entries(policy.sources).flatMap(([name, source]) => impossibilitiesOfSource(name, source)),
  ];
}

/** Callers need not be TypeScript: what is missing or misspelt is told as what it is. */
function checkShape(policy: Policy): void {
  try {
    needFields("the policy", policy, POLICY_FIELDS);
    needFields("policy.retry", policy.retry, ["backoffMs", "maxBackoffMs", "breakerAfter"]);
    if (policy.observe !== undefined) {
      needFields("policy.observe", policy.observe, ["downAfter", "action"]);
      needOneOf("policy.observe.action", policy.observe.action, ["restart", "report"]);
    }
    needFields("policy.sources", policy.sources, Object.keys(policy.sources ?? {}));
    for (const [name, source] of Object.entries(policy.sources)) {
      needFields(`sources.${name}`, source, SOURCE_FIELDS);
      needOneOf(`sources.${name}.cooldown`, source.cooldown, ["defer", "drop", "ignore"]);
      needOneOf(`sources.${name}.running`, source.running, ["follow-up", "drop"]);
      for (const flag of ["leading", "trailing", "automatic"] as const) {
        needKind(`sources.${name}.${flag}`, source[flag] ?? null, "boolean");
      }
    }
  } catch (error) {
    throw error instanceof InvalidArgumentError ? new ImpossiblePolicyError(error.message) : error;
  }
}

function impossibilitiesOfSource(name: string, source: SourcePolicy): string[] {
  const { windowMs, maxWaitMs, leading, trailing, automatic, cooldown } = source;
  return [
    ...when(
      !SOURCE_NAME.test(name),
      `the source name "${name}" must be lower-case letters, digits and hyphens, at most 64`,
    ),
    ...notADuration(`sources.${name}.windowMs`, windowMs),
    ...notADuration(`sources.${name}.maxWaitMs`, maxWaitMs),
    ...when(
      !leading && !trailing,
      `sources.${name} is neither leading nor trailing, so nothing it asks for would ever start: set one of them`,
    ),
    ...when(
      trailing && maxWaitMs < windowMs,
      `sources.${name}.maxWaitMs (${maxWaitMs}) is shorter than its windowMs (${windowMs}): a trailing source waits at least one window`,
    ),
    ...when(
      automatic && cooldown === "ignore",
      `sources.${name} is automatic and ignores the cooldown, so it could restart in a loop: choose "defer" or "drop"`,
    ),
  ];
}

function notADuration(name: string, value: number): string[] {
  const isNone = !Number.isSafeInteger(value) || value < 0;
  return when(isNone, `${name} must be a whole number of milliseconds from 0, got ${value}`);
}

function when(isSo: boolean, problem: string): string[] {
  return isSo ? [problem] : [];
}
