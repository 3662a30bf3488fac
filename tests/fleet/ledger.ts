import type { LedgerEntry } from "../../apps/worker/src/provisioners/simulated-ledger.ts";

/** How many workspaces were being restarted at the same time, at most. */
export function mostAtOnce(entries: readonly LedgerEntry[]): number {
  const running = new Set<string>();
  let most = 0;
  for (const { workspaceId, effect } of entries) {
    if (effect === "begin") running.add(workspaceId);
    if (effect === "end") running.delete(workspaceId);
    most = Math.max(most, running.size);
  }
  return most;
}
