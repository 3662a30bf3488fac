/** One line for each decision on a trigger. */
import type { Receipt } from "@restart-coordinator/debounce";
import type { Request, Response } from "express";

/** The line of a trigger. Its facts come with the receipt: the process that logs may have seen no other trigger. */
export function logDecision(
  { request, response }: { readonly request: Request; readonly response: Response },
  receipt: Receipt,
  given: { reason?: string | undefined; actor: string },
): void {
  const { triggerId, workspaceId, source, decision, rule, generation, dueAt, window } = receipt;
  const fields = {
    triggerId,
    workspaceId,
    source,
    decision,
    rule,
    generation,
    dueAt,
    reason: given.reason,
    actor: given.actor,
    duringCycle: receipt.duringCycle || undefined,
    lastFireAgoMs: window?.lastFireAgoMs,
    windowMs: window?.windowMs,
    suppressed: window?.suppressed,
  };
  response.locals.isLogged = true;
  request.log.info(fields, decisionLine(receipt));
}

export function decisionLine({ decision, rule, window }: Receipt): string {
  if (window === undefined || decision === "fired" || decision === "refused") {
    return `restart ${decision} (${rule})`;
  }
  const { lastFireAgoMs, windowMs, suppressed } = window;
  const what = decision === "coalesced" ? "coalesced" : rule === "window" ? "dropped, coalesced" : "dropped";
  const facts = `last fire ${seconds(lastFireAgoMs)} ago < ${seconds(windowMs)} window; total suppressed=${suppressed}`;
  return `restart ${what} (${facts}; ${rule})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10}s`;
}
