/** The ledger of one workspace, put together to cycles. */
import type { LedgerEntry } from "./evidence.ts";
import { groupBy } from "./group-by.ts";

export interface LedgerCycle {
  readonly id: string;
  readonly kind: "restart" | "stop";
  /** Accepted effects in their order. */
  readonly effects: readonly LedgerEntry[];
  /** The first accepted "begin" (of a stop: the stop itself). */
  readonly begin: LedgerEntry;
  /** The first accepted "end"; absent when no attempt succeeded. */
  readonly end: LedgerEntry | undefined;
}

/** In the order of their first effect. A cycle without a begin is a violation of its own, and left out here. */
export function cyclesOf(effects: readonly LedgerEntry[]): LedgerCycle[] {
  const byId = groupBy(effects, ({ cycleId }) => cycleId);
  return [...byId].flatMap(([id, own]): LedgerCycle[] => {
    const stop = own.find(({ effect }) => effect === "stop");
    const begin = own.find(({ effect }) => effect === "begin") ?? stop;
    if (begin === undefined) return [];
    const end = own.find(({ effect }) => effect === (stop === undefined ? "end" : "stop"));
    return [{ id, kind: stop === undefined ? "restart" : "stop", effects: own, begin, end }];
  });
}

/**
 * When the cycle was started, by the clock of the coordinator's Redis: a fencing token is the time at which it was
 * handed out, and the first attempt's is handed out with the start. Unknown when the first attempt came to no effect.
 * `tokens.ts` sees to it that no token is from the future.
 */
export function startedAt(cycle: LedgerCycle): number | undefined {
  return cycle.begin.attempt === 1 ? cycle.begin.fencingToken : undefined;
}
