/** The API process: HTTP in, triggers to Redis, hints to the queue. Any number of them run side by side. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { RestartCoordinator, Shadow } from "@restart-coordinator/debounce";
import { RolloutDriver, Rollouts } from "@restart-coordinator/fleet";
import { noSpecCheck, type SpecCheck, specCheckFor } from "@restart-coordinator/provisioner-specs";
import {
  type ApiEnvironment,
  ApiMetrics,
  ConfigurationError,
  checkAtStart,
  connectRedis,
  createLogger,
  HintQueues,
  isLoopback,
  LivePolicies,
  logStart,
  RedisWatch,
  type Service,
  type Tracing,
} from "@restart-coordinator/service";
import { WebhookRegistry } from "@restart-coordinator/webhooks";
import type { Logger } from "pino";
import { createApp } from "./app.ts";
import { Tokens } from "./authentication.ts";
import { closing } from "./closing.ts";
import { EventFeed } from "./events/feed.ts";
import { Templates, WorkspaceFiles } from "./files/index.ts";
import { httpServer } from "./http-server.ts";

export async function startApi(
  config: ApiEnvironment,
  tracing?: Tracing,
): Promise<{ service: Service; logger: Logger; port: number }> {
  const logger = createLogger("api", config.LOG_LEVEL);
  const policies = new LivePolicies(config);
  logStart(config, policies, logger);
  const { tokens, secret } = tokensFor(config);
  const checkSpec = specCheck(config);
  const limits = { maxFileBytes: config.MAX_FILE_BYTES };
  const files = await WorkspaceFiles.open({ directory: config.WORKSPACES_DIR, ...limits });
  const templates = new Templates({
    ...limits,
    ...(config.TEMPLATES_DIR !== undefined && { directory: config.TEMPLATES_DIR }),
  });

  const metrics = new ApiMetrics();
  const redis = connectRedis(config, "fail-fast", logger);
  const coordinator: RestartCoordinator = new RestartCoordinator({
    redis,
    prefix: config.RESTART_PREFIX,
    shards: config.SHARDS,
    policy: policies,
    activityTtlMs: config.RESTART_ACTIVITY_TTL_MS,
    leaseMs: config.RESTART_LEASE_MS,
    replication: { minReplicas: config.RESTART_MIN_REPLICAS, timeoutMs: config.RESTART_REPLICA_TIMEOUT_MS },
    observer: {
      ...metrics.observer,
      judged: (judged) => {
        metrics.observer.judged?.(judged);
        shadow?.observe(judged);
      },
    },
    ...(tracing && { traceparent: () => tracing.traceparent() }),
    onDue: (hint) =>
      hints.enqueue(hint).catch((error: Error) => {
        logger.warn(
          { err: { message: error.message }, workspaceId: hint.workspaceId },
          "a hint was lost; the sweep finds it",
        );
      }),
  });
  const shadowPolicies = shadowPoliciesOf(config);
  const shadow =
    shadowPolicies && new Shadow({ transitions: coordinator.transitions, policies: shadowPolicies, ...metrics.shadow });
  const hints = new HintQueues(redis, coordinator.keys, tracing?.hints);
  const redisWatch = new RedisWatch({ redis, keys: coordinator.keys, logger });
  metrics.watch({ redisWatch, coordinator, hints });
  const rollouts = new Rollouts({
    redis,
    prefix: config.RESTART_PREFIX,
    keepMs: config.RESTART_ACTIVITY_TTL_MS,
    leaseMs: config.RESTART_LEASE_MS,
  });
  const rolloutDriver = new RolloutDriver({ rollouts, coordinator, owner: `api ${hostname()}:${process.pid}` });
  const { keys } = coordinator;
  const shardStreams = Array.from({ length: keys.shards }, (_, shard) => keys.forShard("events", shard));
  const streams = [...shardStreams, rollouts.keys.of("events")];
  const feed = new EventFeed({ redis, streams, logger });

  const webhooks = {
    registry: new WebhookRegistry({ redis, prefix: config.RESTART_PREFIX, streams }),
    sending: { timeoutMs: config.WEBHOOK_TIMEOUT_MS, allowPrivate: config.WEBHOOK_ALLOW_PRIVATE },
  };
  const parts = {
    coordinator,
    policies,
    shadow,
    rollouts,
    rolloutDriver,
    files,
    templates,
    checkSpec,
    redis,
    redisWatch,
    hints,
    tokens,
    feed,
    webhooks,
    metrics,
    logger,
  };
  const server = httpServer(createApp(parts));
  const close = closing(server);
  const disconnect = async (): Promise<void> => {
    await hints.close();
    redis.disconnect();
  };
  const started = async (): Promise<number> => {
    // Listens once it can acknowledge; when Redis is away it listens all the same, and readyz says so.
    await checkAtStart({ redis, keys, settings: config, isWorker: false, logger });
    return listen(server, config);
  };
  const port = await started().catch(async (error: unknown) => {
    await disconnect();
    throw error;
  });
  const url = `http://${config.HOST.includes(":") ? `[${config.HOST}]` : config.HOST}:${port}`;
  redisWatch.start();
  shadowPolicies?.watch(logger);
  policies.watch(logger, (isLoaded) => metrics.policyReloaded(isLoaded));
  logger.info({ url, shards: config.SHARDS }, `listening on ${url}`);
  // Told to the person who started it, not to the log.
  if (secret !== undefined) process.stderr.write(`No API_TOKENS: use this token until I stop: ${secret}\n`);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    redisWatch.stop();
    policies.stop();
    shadowPolicies?.stop();
    feed.stop();
    await close();
    await shadow?.settled();
    await disconnect();
    await tracing?.stop();
  };
  return { service: { stop: () => (stopping ??= stop()) }, logger, port };
}

/** A second policy, evaluated without acting: the active one's settings, with what the shadow's change. */
function shadowPoliciesOf(config: ApiEnvironment): LivePolicies | undefined {
  const { RESTART_SHADOW_PROFILE: profile, RESTART_SHADOW_POLICY_FILE: file } = config;
  if (profile === undefined && file === undefined) return undefined;
  return new LivePolicies({
    RESTART_PROFILE: profile ?? (file === undefined ? config.RESTART_PROFILE : undefined),
    RESTART_POLICY_FILE: file ?? config.RESTART_POLICY_FILE,
    RESTART_COOLDOWN_MS: config.RESTART_COOLDOWN_MS,
  });
}

/** Only with PROVISIONER is it known here what a worker makes of a spec. */
function specCheck(config: ApiEnvironment): SpecCheck {
  if (config.PROVISIONER === undefined) return noSpecCheck;
  try {
    return specCheckFor(config.PROVISIONER, config);
  } catch (error) {
    throw new ConfigurationError([(error as Error).message]);
  }
}

function tokensFor(config: ApiEnvironment): { tokens: Tokens; secret?: string } {
  if (config.API_TOKENS !== undefined) return { tokens: Tokens.parse(config.API_TOKENS) };
  if (!isLoopback(config.HOST)) {
    throw new ConfigurationError([
      `HOST is ${config.HOST}, which others can reach, but there are no API_TOKENS: set name:scope:token, or listen on 127.0.0.1`,
    ]);
  }
  return Tokens.generate();
}

function listen(server: Server, { HOST, PORT }: ApiEnvironment): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new ConfigurationError([`PORT ${PORT} on ${HOST} is taken: choose another`])
          : error,
      );
    });
    server.listen(PORT, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
