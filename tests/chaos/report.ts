/** A run for people to read. */
import type { Violation } from "../judge/verdict.ts";
import type { RunEvent, RunResult } from "./run.ts";

export function formatEvent({ at, what }: RunEvent): string {
  return `${(at / 1_000).toFixed(1).padStart(6)} s  ${what}`;
}

export function formatResult({ verdict, faults, surprises, cases }: RunResult, command: string): string {
  const { counts: c, violations, kept } = verdict;
  const share = (part: number, whole: number) => `${part} of ${whole}`;
  const lines = [
    "",
    `faults       ${Object.entries(faults)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(" · ")}`,
    `requests     ${c.requests} on ${c.workspaces} workspaces; ${c.unanswered} without an answer`,
    `triggers     ${c.owed} acknowledged and owed, ${c.dropped} dropped, ${c.refused} refused`,
    `cycles       ${c.cycles}, ${c.goodCycles} good, ${c.resumedCycles} taken over or retried`,
    `effects      ${c.acceptedEffects} accepted, ${c.refusedEffects} refused for their token`,
    "",
    `covered      ${share(c.covered, c.owed)} by a good cycle that began after them; a person dropped the rest`,
    `single       ${c.acceptedEffects} effects in order`,
    `few          ${c.gapsMeasured} starts at least the cooldown apart; ${c.burstsMeasured} bursts cost at most 2 cycles`,
    `durable      ${c.receiptsFoundAgain} receipts found again; all ${c.workspaces} workspaces at rest`,
    `alive        ${c.deaths} workspaces killed, ${c.deathsInCalm} of them in the calm; all noticed and back`,
    ...(kept ? [] : ["", `VIOLATIONS (${violations.length}); the lines above count what was looked at`]),
    ...violations.slice(0, 20).map(formatViolation),
    ...surprises.slice(0, 20).map((what) => `SURPRISE  ${what}`),
    ...(cases.length === 0 ? [] : ["", "evidence", JSON.stringify(cases, null, 1)]),
    "",
    `${kept && surprises.length === 0 ? "kept" : "BROKEN"}. The same schedule again: ${command}`,
  ];
  return lines.join("\n");
}

function formatViolation({ promise, workspaceId, cycleId, at, what, proof }: Violation): string {
  const where = cycleId === undefined ? workspaceId : `${workspaceId} ${cycleId}`;
  return `${promise}  ${where} at ${at}: ${what}\n  ${proof.map((item) => JSON.stringify(item)).join("\n  ")}`;
}
