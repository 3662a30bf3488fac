/** One line for each decision, and one for each other change that was asked for. */
import type { Receipt } from "@restart-coordinator/debounce";
import type { Request, RequestHandler, Response } from "express";

/** The line of a trigger. Its facts come with the receipt: the process that logs may have seen no other trigger. */
export function logDecision(
  request: Request,
  response: Response,
  receipt: Receipt,
  given: { reason?: string | undefined; actor: string },
): void {
  const { window, duringCycle, ...told } = receipt;
  response.locals.isLogged = true;
  request.log.info({ ...told, ...given, ...(duringCycle && { duringCycle }), ...window }, decisionLine(receipt));
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

/** The line of every other request that changes something, or was refused: who, what, how it was answered. */
export function logChanges(): RequestHandler {
  return (request, response, next) => {
    if (request.method === "GET" || request.method === "HEAD") return next();
    const startedAt = performance.now();
    response.once("finish", () => {
      if (response.locals.isLogged) return;
      const { method, path } = request;
      const { statusCode: status } = response;
      const [, workspaceId] = /^\/workspaces\/([^/]+)/.exec(path) ?? [];
      const durationMs = Math.round(performance.now() - startedAt);
      const fields = { actor: response.locals.caller?.name, workspaceId, method, path, status, durationMs };
      request.log[status >= 500 ? "warn" : "info"](fields, `${method} ${path}: ${status}`);
    });
    next();
  };
}

declare global {
  namespace Express {
    interface Locals {
      /** A line tells what was decided: another about the request is not needed. */
      isLogged?: boolean;
    }
  }
}
