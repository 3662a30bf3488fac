/** Few: new cycles of a workspace start at least the cooldown apart, unless a person asked. */
import { cyclesOf, startedAt } from "./cycles.ts";
import type { ClientRequest, LedgerEntry, Rules } from "./evidence.ts";
import { asksForStart, meets, spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function judgeCooldown(
  effects: readonly LedgerEntry[],
  requests: readonly ClientRequest[],
  rules: Rules,
): { violations: Violation[]; measured: number } {
  // A removed workspace that is registered again begins anew, its cooldown too.
  const asked = requests
    .filter((request) => asksForStart(request) || request.verb === "remove")
    .map((request) => spanOf(request, rules));
  const starts = cyclesOf(effects).filter(({ kind }) => kind === "restart");
  const violations: Violation[] = [];
  let measured = 0;
  for (const [i, cycle] of starts.entries()) {
    const before = starts[i - 1];
    const earlier = before && startedAt(before);
    if (before === undefined || earlier === undefined) continue;
    // A cycle whose first attempt died without an effect started no later than the attempt that is in the ledger.
    const later = cycle.begin.fencingToken;
    if (asked.some((span) => meets(span, earlier, later))) continue;
    measured += 1;
    if (later - earlier >= rules.cooldownMs) continue;
    violations.push({
      promise: "few",
      workspaceId: cycle.begin.workspaceId,
      cycleId: cycle.id,
      at: later,
      what: `started ${later - earlier} ms after ${before.id}: the cooldown is ${rules.cooldownMs} ms and nobody asked`,
      proof: [before.begin, cycle.begin],
    });
  }
  return { violations, measured };
}
