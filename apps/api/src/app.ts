/** Puts the routes together: health, then pages, then the API behind its token. */
import type { ApiMetrics, HintQueues, RedisWatch } from "@restart-coordinator/service";
import express, { type Express } from "express";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { allow, authenticate, type Tokens } from "./authentication.ts";
import { BOARD_PATH, boardProblems, bullBoard } from "./board/index.ts";
import type { ApiContext } from "./context.ts";
import type { EventFeed } from "./events/feed.ts";
import { Problem, problemHandler } from "./problem.ts";
import { requestBody } from "./request-body.ts";
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
  readonly redisWatch: RedisWatch;
  readonly hints: HintQueues;
  readonly tokens: Tokens;
  readonly feed: EventFeed;
  readonly metrics: ApiMetrics;
  readonly webhooks: WebhookContext;
  readonly logger: Logger;
}

export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(requestLog(parts.logger));
  app.use(healthRoutes(parts.redisWatch));
  app.use(BOARD_PATH, authenticate(parts.tokens, "page"), allow("operate"), bullBoard(parts), boardProblems);

  // A browser's EventSource can send no Bearer token.
  app.use(["/events", "/workspaces/:id/events"], authenticate(parts.tokens, "page"));
  app.use(eventRoutes(parts, parts.feed));

  app.use(authenticate(parts.tokens));
  app.use(requestBody());
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
