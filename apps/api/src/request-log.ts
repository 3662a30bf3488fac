/** A log for each request, its lines marked with the request's id; the answer carries it, too. */
import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import type { Logger } from "pino";

declare module "node:http" {
  interface IncomingMessage {
    log: Logger;
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
    next();
  };
}
