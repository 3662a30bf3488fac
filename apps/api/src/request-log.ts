/**
 * A log for each request, its lines marked with the request's id; the answer carries it, too. One line is its own: of a
 * request that changes something, or was refused, unless what was decided has been told already.
 */
import { randomUUID } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import type { Logger } from "pino";

declare module "node:http" {
  interface IncomingMessage {
    log: Logger;
  }
}

declare global {
  namespace Express {
    interface Locals {
      /** A line tells what was decided: another about the request is not needed. */
      isLogged?: boolean;
      /** Why it could not be done, for the log. */
      reason?: string;
    }
  }
}

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** What somebody reports can be found: an `X-Request-Id` that came is kept. */
export function requestLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const given = request.headers["x-request-id"];
    const id = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
    response.setHeader("X-Request-Id", id);
    request.log = logger.child({ reqId: id });
    if (request.method !== "GET" && request.method !== "HEAD") {
      const startedAt = performance.now();
      response.on("finish", () => {
        if (response.locals.isLogged !== true) logChange(request, response, performance.now() - startedAt);
      });
    }
    next();
  };
}

/** Who, what, how it was answered. */
function logChange(request: Request, response: Response, tookMs: number): void {
  const { method, path } = request;
  const { statusCode: status } = response;
  const [, workspaceId] = /^\/workspaces\/([^/]+)/.exec(path) ?? [];
  const fields = {
    actor: response.locals.caller?.name,
    workspaceId,
    method,
    path,
    status,
    durationMs: Math.round(tookMs),
    reason: response.locals.reason,
  };
  request.log[status >= 500 ? "warn" : "info"](fields, `${method} ${path}: ${status}`);
}
