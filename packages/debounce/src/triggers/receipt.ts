/** What a caller is told of a trigger. */
import type { Decision, Rule, Verdict } from "../vocabulary.ts";
import type { TriggerReply } from "./trigger-call.ts";
import { formatTriggerId, numberedTriggerIds } from "./trigger-id.ts";

export interface Receipt {
  readonly triggerId: string;
  readonly workspaceId: string;
  readonly source: string;
  readonly decision: Decision;
  /** The rule that made the decision; "held" on a refusal means that the caller asked to be refused by a hold. */
  readonly rule: Rule;
  /** What a good cycle must have read to cover this trigger. */
  readonly generation: number;
  /** When the covering cycle may start, ms of Redis' clock, as far as known: it also waits for a running one to end. */
  readonly dueAt: number | undefined;
  /** A cycle was running when the trigger was judged. */
  readonly duringCycle: boolean;
  /** What the source's debounce window has done so far; undefined where none counts, and for the trigger that claimed it. */
  readonly window: SuppressionWindow | undefined;
}

export interface SuppressionWindow {
  /** How long before the decision the window was claimed, ms. */
  readonly lastFireAgoMs: number;
  readonly windowMs: number;
  /** How many triggers of the source it has held back since, coalesced or dropped, this one included. */
  readonly suppressed: number;
}

type Judged = Exclude<TriggerReply, { kind: "conflict" }>;

/** Makes one for each of the triggers that were judged together, in their order. */
export function receiptsOf(workspaceId: string, source: string, count: number, reply: Judged): Receipt[] {
  const { generation, nonce } = reply;
  // A receipt that is found again keeps its first id.
  const firstId = formatTriggerId({ ...reply.first, generation, nonce, workspaceId });
  const receipts = [receiptOf(firstId, workspaceId, source, reply.first, windowOf(reply, 0, count), reply)];
  if (count === 1) return receipts;
  const idOf = numberedTriggerIds({ ...reply.rest, generation, nonce, workspaceId });
  for (let i = 1; i < count; i += 1) {
    receipts.push(receiptOf(idOf(i), workspaceId, source, reply.rest, windowOf(reply, i, count), reply));
  }
  return receipts;
}

function receiptOf(
  triggerId: string,
  workspaceId: string,
  source: string,
  { decision, rule }: Verdict,
  window: Receipt["window"],
  { generation, dueAt, running }: Judged,
): Receipt {
  return { triggerId, workspaceId, source, decision, rule, generation, dueAt, duringCycle: running, window };
}

/** Undefined where no window counts. Of triggers that arrived together, each is told how many were held back until then. */
function windowOf({ window, rest, now }: Judged, index: number, count: number): Receipt["window"] {
  if (window === undefined || (window.claimed && index === 0)) return undefined;
  const after = rest.decision === "fired" ? 0 : count - 1 - index;
  const { claimedAt, windowMs, suppressed } = window;
  return { lastFireAgoMs: Math.max(0, now - claimedAt), windowMs, suppressed: suppressed - after };
}
