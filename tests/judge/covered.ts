/**
 * Covered, and durable: every acknowledged trigger that was neither dropped nor refused is covered by a good cycle that
 * began after the trigger was sent, unless a person of the run canceled or removed what was owed. A client makes its
 * change before it sends the trigger, so a cycle that begins after that has read the change.
 */
import { cyclesOf } from "./cycles.ts";
import type { ClientRequest, LedgerEntry, Rules, WorkspaceRecord } from "./evidence.ts";
import { dropsWhatIsOwed, spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function isOwed({ answer }: ClientRequest): boolean {
  const decision = answer?.receipt?.decision;
  return decision === "fired" || decision === "coalesced";
}

export function judgeCovered(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  requests: readonly ClientRequest[],
  rules: Rules,
): { violations: Violation[]; covered: number } {
  const good = cyclesOf(effects).filter(({ kind, end }) => kind === "restart" && end !== undefined);
  const lastGoodBegin = Math.max(Number.NEGATIVE_INFINITY, ...good.map(({ begin }) => begin.at));
  const drops = requests.filter(dropsWhatIsOwed);
  const lastDrop = Math.max(Number.NEGATIVE_INFINITY, ...drops.map((request) => spanOf(request, rules).to));

  const owed = requests.filter(isOwed);
  const uncovered = owed.filter(({ sentAt }) => lastGoodBegin < sentAt);
  const violations = uncovered
    .filter(({ sentAt }) => lastDrop < sentAt)
    .map((request): Violation => {
      const { final } = workspace;
      // Visibly owed keeps the first promise; after a calm-down in which nothing stands in its way it breaks the fourth.
      const isVisible = final !== undefined && final.phase !== "idle";
      return {
        promise: isVisible ? "durable" : "covered",
        workspaceId: workspace.id,
        at: request.sentAt,
        what: `an acknowledged ${request.source} trigger is covered by no good cycle that began after it${
          isVisible ? `: it is still ${final.phase}` : ""
        }`,
        proof: [request, good.at(-1)?.begin ?? "no good cycle", final ?? "not known any more"],
      };
    });
  return { violations, covered: owed.length - uncovered.length };
}
