/** Puts the routes together: health, then pages, then the API behind its token. */
import type { ApiMetrics, HintQueues } from "@restart-coordinator/service";
import express, { type Express } from "express";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { allow, authenticate, type Tokens } from "./authentication.ts";
import { BOARD_PATH, boardProblems, bullBoard } from "./board/index.ts";
import type { ApiContext } from "./context.ts";
import { logChanges } from "./decision-log.ts";
import type { EventFeed } from "./events/feed.ts";
import { Problem, problemHandler } from "./problem.ts";
import { requestLog } from "./request-log.ts";
import { desiredStateRoutes } from "./routes/desired-state.ts";
import { eventRoutes } from "./routes/events.ts";
import { fileRoutes } from "./routes/files.ts";
import { healthRoutes } from "./routes/health.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { policyRoutes } from "./routes/policies.ts";
import { rolloutRoutes } from "./routes/rollouts.ts";
import { triggerOutcomeRoutes } from "./routes/trigger-outcomes.ts";
import { triggerRoutes } from "./routes/triggers.ts";
import { verbRoutes } from "./routes/verbs.ts";
import { type WebhookContext, webhookRoutes } from "./routes/webhooks.ts";
import { workspaceRoutes } from "./routes/workspaces.ts";

export interface AppParts extends ApiContext {
  readonly redis: Redis | Cluster;
  readonly hints: HintQueues;
  readonly tokens: Tokens;
  readonly feed: EventFeed;
  readonly metrics: ApiMetrics;
  readonly webhooks: WebhookContext;
  readonly logger: Logger;
}

/** Whole sets of files come as JSON, base64 included; everything else is small. */
const LARGEST_SET = 72 * 1024 * 1024;
const LARGEST_BODY = 256 * 1024;

export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(requestLog(parts.logger));
  app.use(healthRoutes(parts.redis));
  app.use(logChanges());
  app.use(BOARD_PATH, authenticate(parts.tokens, "page"), allow("operate"), bullBoard(parts), boardProblems);

  // A browser's EventSource can send no Bearer token.
  app.use(["/events", "/workspaces/:id/events"], authenticate(parts.tokens, "page"));
  app.use(eventRoutes(parts, parts.feed));

  app.use(authenticate(parts.tokens));
  // As the router reads paths: whatever their case.
  const isSet = /^\/workspaces\/[^/]+\/(files|template)\/?$/i;
  const isFile = /^\/workspaces\/[^/]+\/files\/./i;
  app.use((request, _response, next) => {
    const hasBody =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
    if (isFile.test(request.path) || !hasBody || request.headers["content-length"] === "0") return next();
    if (request.is("json")) return next();
    throw new Problem({
      status: 415,
      title: "Unsupported media type",
      detail: "expected Content-Type: application/json",
    });
  });
  const set = { limit: LARGEST_SET, parse: express.json({ limit: LARGEST_SET }) };
  const small = { limit: LARGEST_BODY, parse: express.json({ limit: LARGEST_BODY }) };
  app.use((request, response, next) => {
    if (isFile.test(request.path)) return next();
    const { limit, parse } = isSet.test(request.path) ? set : small;
    // The parser would read it all before it says so.
    if (Number(request.headers["content-length"]) > limit) {
      throw new Problem({ status: 413, title: "Too large", detail: `the body has more than ${limit} bytes` });
    }
    return parse(request, response, next);
  });
  app.use(
    // What is asked most, first: a request is compared with every route in front of its own.
    triggerRoutes(parts),
    fileRoutes(parts),
    workspaceRoutes(parts),
    desiredStateRoutes(parts),
    policyRoutes(parts),
    triggerOutcomeRoutes(parts, parts.feed),
    verbRoutes(parts),
    rolloutRoutes(parts),
    webhookRoutes(parts.webhooks),
    openApiRoutes(),
    metricsRoutes(parts.metrics),
  );
  app.use((request) => {
    throw new Problem({ status: 404, title: "Not found", detail: `no route ${request.method} ${request.path}` });
  });
  app.use(problemHandler);
  return app;
}
