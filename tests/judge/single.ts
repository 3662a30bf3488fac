/**
 * Single: the accepted effects of one workspace are cycles one after the other. Within a cycle an attempt may take over
 * from another, with a higher token; nobody acts with a token below one already seen.
 */
import type { ClientRequest, LedgerEntry, Rules, WorkspaceRecord } from "./evidence.ts";
import { mayStopCycle, meets, spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function judgeSingle(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  requests: readonly ClientRequest[],
  rules: Rules,
): Violation[] {
  const violations: Violation[] = [];
  const begun = new Set<string>();
  const over = new Set<string>();
  const stops = requests.filter(mayStopCycle).map((request) => spanOf(request, rules));
  let open: LedgerEntry | undefined;
  let last: LedgerEntry | undefined;

  for (const entry of effects) {
    const violated = (what: string, ...proof: unknown[]): void => {
      const { workspaceId, cycleId, at } = entry;
      violations.push({ promise: "single", workspaceId, cycleId, at, what, proof: [...proof, entry] });
    };
    if (last !== undefined && entry.fencingToken < last.fencingToken) {
      violated("an effect was accepted from a token below the highest seen", last);
    }
    if (last !== undefined && last.cycleId !== entry.cycleId) {
      over.add(last.cycleId);
      if (entry.fencingToken === last.fencingToken) violated("two cycles acted with one token", last);
    }
    if (last !== undefined && last.cycleId === entry.cycleId) {
      const isSameAttempt = last.fencingToken === entry.fencingToken;
      if (isSameAttempt !== (last.attempt === entry.attempt)) {
        violated("an attempt and its token do not belong together", last);
      }
      if (isSameAttempt && (last.effect === entry.effect || entry.effect === "begin")) {
        violated(`one attempt had the effect "${entry.effect}" after "${last.effect}"`, last);
      }
    }
    if (over.has(entry.cycleId)) violated("a cycle acted after another one had begun: they ran together", last);

    if (entry.effect === "begin") {
      const isNew = open !== undefined && open.cycleId !== entry.cycleId;
      if (isNew && workspace.reliable && !stops.some((span) => meets(span, open?.fencingToken ?? 0, entry.at))) {
        violated("a cycle began while another was under way, which nobody asked to stop", open);
      }
      begun.add(entry.cycleId);
      open = entry;
    }
    if (entry.effect === "end") {
      if (!begun.has(entry.cycleId)) violated("a cycle ended that never began");
      open = undefined;
    }
    last = entry;
  }
  return violations;
}
