import { createServer, IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Express } from "express";

/**
 * A server whose requests and answers have the application's prototypes from the start. Express would exchange them as
 * each one arrives, and V8 then makes hidden classes anew for every request, a kilobyte for each property that is added:
 * half of what the collector has to move. Found as they are to be, they are left alone.
 */
export function httpServer(app: Express): Server {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype });
  return createServer({ IncomingMessage: AppRequest, ServerResponse: AppResponse }, app);
}
