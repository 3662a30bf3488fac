/** The API process: HTTP in, triggers to Redis, hints to the queue. Any number of them run side by side. */
import {
  type ApiEnvironment,
  BackgroundService,
  createLogger,
  type Listed,
  policyWatch,
  redisConnection,
  type Service,
  ServiceList,
  type Tracing,
  ZONE_RULES,
} from "@restart-coordinator/service";
import type { Logger } from "pino";
import { createApp } from "./app.ts";
import { httpServer } from "./http-server.ts";
import { HttpService } from "./http-service.ts";
import { type ApiParts, makeParts } from "./parts.ts";

/** Starts an API. @throws ConfigurationError on what cannot work */
export async function startApi(
  config: ApiEnvironment,
  tracing?: Tracing,
): Promise<{ service: Service; logger: Logger; port: number }> {
  const logger = createLogger("api", config.LOG_LEVEL);
  const parts = await makeParts(config, logger, tracing);
  const http = httpOf(parts, config);
  const service = new ServiceList(apiServices(parts, http), logger);
  await service.start();
  const { port, url } = http.address;
  logger.info({ url, shards: config.SHARDS, zoneRules: ZONE_RULES }, `listening on ${url}`);
  // Told to the person who started it, not to the log.
  if (parts.secret !== undefined) process.stderr.write(`No API_TOKENS: use this token until I stop: ${parts.secret}\n`);
  return { service, logger, port };
}

/** Makes the server of what the parts can do. */
export function httpOf(parts: ApiParts, config: ApiEnvironment): HttpService {
  return new HttpService(httpServer(createApp(parts)), config);
}

/** Lists what an API is made of, in the order in which it starts; it stops the other way round. */
export function apiServices(parts: ApiParts, http: Service): readonly Listed[] {
  const { redis, coordinator, logger, metrics, policies, shadow, shadowPolicies } = parts;
  return [
    parts.tracing?.service,
    redisConnection(redis),
    // It listens once it can acknowledge; when Redis is away it listens all the same, and readyz says so.
    parts.startCheck,
    parts.redisWatch.looking(),
    parts.hints,
    shadow && new BackgroundService("the shadow policy", { stop: () => shadow.settled() }),
    http,
    // The streams of events end first: the server waits for its answers.
    parts.feed,
    policyWatch(policies, logger, {
      onReload: (isLoaded) => {
        metrics.policyReloaded(isLoaded);
        metrics.knowSources(coordinator.sources);
      },
      policiesChanged: () => coordinator.policiesChanged(),
    }),
    shadowPolicies && policyWatch(shadowPolicies, logger),
    parts.zoneRules,
  ];
}
