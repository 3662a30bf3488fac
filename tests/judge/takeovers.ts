/**
 * Single, too: nobody takes a cycle over from a worker that may still act. A token is the time its lease began, so the
 * next attempt's is at least a lease later, unless the attempt before ended by itself: it failed, or was made to.
 */
import type { Evidence, LedgerEntry, WorkspaceRecord } from "./evidence.ts";
import { meets } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function judgeTakeovers(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  { rules, interruptions }: Pick<Evidence, "rules" | "interruptions">,
): Violation[] {
  if (!workspace.reliable) return [];
  return effects.flatMap((entry, i): Violation[] => {
    const before = effects[i - 1];
    if (before === undefined || before.cycleId !== entry.cycleId) return [];
    const [earlier, later] = [before.fencingToken, entry.fencingToken];
    if (later === earlier || later - earlier >= rules.leaseMs) return [];
    if (interruptions.some((span) => meets(span, earlier, later))) return [];
    return [
      {
        promise: "single",
        workspaceId: workspace.id,
        cycleId: entry.cycleId,
        at: later,
        what: `taken over after ${later - earlier} ms: the lease of ${rules.leaseMs} ms cannot have run out`,
        proof: [before, entry],
      },
    ];
  });
}
