import { InvalidArgumentError, needFields, needKind, needOneOf } from "../checks.ts";
import type { Policy, SourcePolicy } from "./policy.ts";

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

/** @throws ImpossiblePolicyError for the first field or combination that cannot work */
export function checkPolicy(policy: Policy): void {
  checkShape(policy);
  needDuration("cooldownMs", policy.cooldownMs);
  const { backoffMs, maxBackoffMs, breakerAfter } = policy.retry;
  needDuration("retry.backoffMs", backoffMs);
  needDuration("retry.maxBackoffMs", maxBackoffMs);
  if (maxBackoffMs < backoffMs) {
    throw new ImpossiblePolicyError(
      `retry.maxBackoffMs (${maxBackoffMs}) must not be below retry.backoffMs (${backoffMs})`,
    );
  }
  if (!Number.isInteger(breakerAfter) || breakerAfter < 1) {
    throw new ImpossiblePolicyError(`retry.breakerAfter must be a whole number from 1, got ${breakerAfter}`);
  }
  const { loop, budget } = policy;
  if (loop !== undefined) {
    const { cycles } = loop;
    if (!Number.isInteger(cycles) || cycles < 0 || cycles === 1 || cycles > 20) {
      throw new ImpossiblePolicyError(`loop.cycles must be a whole number from 2 to 20, or 0 for never, got ${cycles}`);
    }
    needDuration("loop.withinMs", loop.withinMs);
  }
  if (budget !== undefined) {
    if (!Number.isSafeInteger(budget.cycles) || budget.cycles < 0) {
      throw new ImpossiblePolicyError(`budget.cycles must be a whole number from 0, got ${budget.cycles}`);
    }
    needDuration("budget.downtimeMs", budget.downtimeMs);
  }
  for (const [name, source] of Object.entries(policy.sources)) checkSource(name, source);
}

/** Callers need not be TypeScript: what is missing or misspelt is told as what it is. */
function checkShape(policy: Policy): void {
  try {
    needFields("the policy", policy, POLICY_FIELDS);
    needFields("policy.retry", policy.retry, ["backoffMs", "maxBackoffMs", "breakerAfter"]);
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

function checkSource(name: string, source: SourcePolicy): void {
  if (!SOURCE_NAME.test(name)) {
    throw new ImpossiblePolicyError(
      `the source name "${name}" must be lower-case letters, digits and hyphens, at most 64`,
    );
  }
  needDuration(`sources.${name}.windowMs`, source.windowMs);
  needDuration(`sources.${name}.maxWaitMs`, source.maxWaitMs);
  if (!source.leading && !source.trailing) {
    throw new ImpossiblePolicyError(
      `sources.${name} is neither leading nor trailing, so nothing it asks for would ever start: set one of them`,
    );
  }
  if (source.trailing && source.maxWaitMs < source.windowMs) {
    throw new ImpossiblePolicyError(
      `sources.${name}.maxWaitMs (${source.maxWaitMs}) is shorter than its windowMs (${source.windowMs}): a trailing source waits at least one window`,
    );
  }
  if (source.automatic && source.cooldown === "ignore") {
    throw new ImpossiblePolicyError(
      `sources.${name} is automatic and ignores the cooldown, so it could restart in a loop: choose "defer" or "drop"`,
    );
  }
}

function needDuration(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ImpossiblePolicyError(`${name} must be a whole number of milliseconds from 0, got ${value}`);
  }
}
