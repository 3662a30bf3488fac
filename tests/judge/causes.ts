/** Few, too: nothing restarts without a reason. Each cycle has a request, or a death, that the one before did not cover. */
import { cyclesOf, startedAt } from "./cycles.ts";
import type { ClientRequest, LedgerEntry, Rules, WorkspaceRecord } from "./evidence.ts";
import { asksForStart, meets, type Span, spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function judgeCauses(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  requests: readonly ClientRequest[],
  killed: readonly Span[],
  rules: Rules,
): Violation[] {
  // A death is the cause of the one restart that begins after it.
  const deaths = killed.map(({ from }) => ({ from, to: from }));
  const causes = [...requests.filter(canCause).map((request) => spanOf(request, rules)), ...deaths];
  const starts = cyclesOf(effects).filter(({ kind }) => kind === "restart");
  return starts.flatMap((cycle, i): Violation[] => {
    const before = starts[i - 1];
    // What a cycle that failed was for is owed again, with no further request.
    const isBounded = workspace.reliable && before?.end !== undefined;
    const from = (isBounded ? startedAt(before) : undefined) ?? Number.NEGATIVE_INFINITY;
    if (causes.some((span) => meets(span, from, cycle.begin.fencingToken))) return [];
    const { workspaceId, at } = cycle.begin;
    const proof = before === undefined ? [cycle.begin] : [before.begin, cycle.begin];
    const what = "a restart that nobody asked for, after the one before had begun";
    return [{ promise: "few", workspaceId, cycleId: cycle.id, at, what, proof }];
  });
}

function canCause(request: ClientRequest): boolean {
  if (request.verb !== "trigger") return asksForStart(request);
  const { answer } = request;
  if (answer === undefined) return true;
  return answer.receipt?.decision === "fired" || answer.receipt?.decision === "coalesced";
}
