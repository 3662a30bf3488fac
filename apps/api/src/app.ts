/** Puts the application together: a log of each request, the routes, and what went wrong. */
import express, { type Express } from "express";
import type { Logger } from "pino";
import { consoleFiles } from "./console.ts";
import type { ApiContext } from "./context.ts";
import { Problem, problemHandler } from "./problem.ts";
import { requestLog } from "./request-log.ts";
import { routerOf } from "./router.ts";
import { MOUNTS, ROUTES } from "./routes/index.ts";

export interface AppParts extends ApiContext {
  readonly logger: Logger;
}

export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(requestLog(parts.logger));
  app.use(consoleFiles());
  app.use(routerOf({ routes: ROUTES, mounts: MOUNTS }, parts, parts.tokens));
  app.use((request) => {
    throw new Problem({ status: 404, title: "Not found", detail: `no route ${request.method} ${request.path}` });
  });
  app.use(problemHandler);
  return app;
}
