/** Decides whether a run kept the promises: covered, single, few, durable, alive. Pure. */
import { deathSpans, judgeAlive } from "./alive.ts";
import { judgeBursts } from "./bursts.ts";
import { judgeCauses } from "./causes.ts";
import { isOwed, judgeCovered } from "./covered.ts";
import { cyclesOf } from "./cycles.ts";
import { foundAgain, judgeAtRest, judgeReplays } from "./durable.ts";
import type { Evidence, LedgerEntry } from "./evidence.ts";
import { judgeCooldown } from "./few.ts";
import { groupBy } from "./group-by.ts";
import { judgeSingle } from "./single.ts";
import { judgeTakeovers } from "./takeovers.ts";
import { judgeTokens } from "./tokens.ts";
import type { Counts, Verdict, Violation } from "./verdict.ts";

export function judge(evidence: Evidence): Verdict {
  const { ledger, requests, workspaces, replays, rules } = evidence;
  const violations: Violation[] = [];
  const endedAt = Math.max(0, ...ledger.effects.map(({ at }) => at), ...requests.map(({ answer }) => answer?.at ?? 0));
  const deaths = ledger.effects.filter(({ effect }) => effect === "die");
  const deathsOf = groupBy(deaths, ({ workspaceId }) => workspaceId);
  const byAttempts = ledger.effects.filter(({ effect }) => effect !== "die");
  const effectsOf = groupBy(byAttempts, ({ workspaceId }) => workspaceId);
  const requestsOf = groupBy(requests, ({ workspaceId }) => workspaceId);
  let covered = 0;
  let gapsMeasured = 0;
  let burstsMeasured = 0;

  const known = new Set(workspaces.map(({ id }) => id));
  const strangers = [...effectsOf.keys()].filter((id) => !known.has(id)).map((id) => ({ id, reliable: true }));
  for (const workspace of [...workspaces, ...strangers]) {
    const effects = effectsOf.get(workspace.id) ?? [];
    const own = requestsOf.get(workspace.id) ?? [];
    const coverage = judgeCovered(workspace, effects, own, rules);
    const cooldown = judgeCooldown(effects, own, rules);
    const died = deathsOf.get(workspace.id) ?? [];
    const killed = deathSpans(effects, died);
    const bursts = judgeBursts(workspace, effects, own, killed, rules);
    violations.push(
      ...coverage.violations,
      ...judgeSingle(workspace, effects, own, rules),
      ...judgeTakeovers(workspace, effects, evidence),
      ...judgeTokens(effects),
      ...cooldown.violations,
      ...bursts.violations,
      ...judgeCauses(workspace, effects, own, killed, rules),
      ...judgeAlive(workspace, effects, died, evidence),
      ...judgeAtRest(workspace, own, rules, endedAt),
    );
    covered += coverage.covered;
    gapsMeasured += cooldown.measured;
    burstsMeasured += bursts.measured;
  }
  violations.push(...judgeReplays(replays, endedAt));

  const cycles = [...effectsOf.values()].flatMap(cyclesOf);
  const decided = (decision: string) => requests.filter(({ answer }) => answer?.receipt?.decision === decision).length;
  const counts: Counts = {
    workspaces: workspaces.length,
    requests: requests.length,
    unanswered: requests.filter(({ answer }) => answer === undefined).length,
    owed: requests.filter(isOwed).length,
    covered,
    dropped: decided("dropped"),
    refused: decided("refused"),
    cycles: cycles.length,
    goodCycles: cycles.filter(({ end }) => end !== undefined).length,
    resumedCycles: cycles.filter(isResumed).length,
    acceptedEffects: byAttempts.length,
    refusedEffects: ledger.refusals.length,
    burstsMeasured,
    gapsMeasured,
    receiptsFoundAgain: replays.filter(foundAgain).length,
    deaths: deaths.length,
    deathsInCalm: deaths.filter(({ at }) => at >= evidence.calmFrom).length,
  };
  return { kept: violations.length === 0, violations, counts };
}

function isResumed({ effects }: { effects: readonly LedgerEntry[] }): boolean {
  return new Set(effects.map(({ attempt }) => attempt)).size > 1;
}
