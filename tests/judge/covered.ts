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

/** A write that was told that its bytes were there already. */
function isNoNews({ answer }: ClientRequest): boolean {
  return answer?.receipt?.rule === "unchanged";
}

/**
 * Bytes that were there already came with another write of them, answered or not, since another content was acknowledged at that
 * path: a cycle must have begun after the first that may have brought them.
 */
function broughtBy(request: ClientRequest, requests: readonly ClientRequest[]): ClientRequest {
  if (!isNoNews(request)) return request;
  const pathOf = ({ written }: ClientRequest) => written?.split(": ")[0];
  const before = requests.filter(
    (other) => pathOf(other) === pathOf(request) && other.sentAt <= (request.answer?.at ?? 0),
  );
  const replacing = before.filter(
    ({ written, answer }) => written !== request.written && answer?.receipt !== undefined && answer.at < request.sentAt,
  );
  const replacedAt = Math.max(Number.NEGATIVE_INFINITY, ...replacing.map(({ sentAt }) => sentAt));
  const bringing = before.filter(
    (other) => other !== request && other.written === request.written && (other.answer?.at ?? replacedAt) >= replacedAt,
  );
  const sentAt = bringing.reduce((first, other) => Math.min(first, other.sentAt), Number.POSITIVE_INFINITY);
  return { ...request, sentAt };
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

  const owed = requests
    .filter((request) => isOwed(request) || isNoNews(request))
    .map((request) => broughtBy(request, requests));
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
