/** A token is the time it was handed out: one from the future would make every start look later than it was. */
import type { LedgerEntry } from "./evidence.ts";
import type { Violation } from "./verdict.ts";

/** Tokens are unique: several of one millisecond count on from it. */
const HANDED_OUT_IN_A_MS = 5;

export function judgeTokens(effects: readonly LedgerEntry[]): Violation[] {
  return effects
    .filter(({ fencingToken, at }) => fencingToken > at + HANDED_OUT_IN_A_MS)
    .map((entry) => ({
      promise: "few",
      workspaceId: entry.workspaceId,
      cycleId: entry.cycleId,
      at: entry.at,
      what: "a token is later than its use, so no start can be measured by it",
      proof: [entry],
    }));
}
