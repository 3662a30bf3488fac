/** Makes the parts of a worker. Nothing of it runs yet, but connections open themselves when they are made. */
import { hostname } from "node:os";
import { Cycles, type Hint, RestartCoordinator } from "@restart-coordinator/debounce";
import { createFleetKeys, eventStreams, RolloutDriver, Rollouts, Turns } from "@restart-coordinator/fleet";
import {
  ConfigurationError,
  connectRedis,
  HintQueues,
  LivePolicies,
  type Tracing,
  type WorkerEnvironment,
  WorkerMetrics,
} from "@restart-coordinator/service";
import { WebhookDispatcher } from "@restart-coordinator/webhooks";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { Drainer, drainedWithinMs } from "./drainer.ts";
import { HintTaker } from "./hint-taker.ts";
import { JobNotes } from "./job-notes.ts";
import { createProvisioner } from "./provisioners/create.ts";
import { removeWorkspaceFiles } from "./remove-files.ts";
import { rolloutLog } from "./rollout-loop.ts";
import { TurnTaker } from "./turn-taker.ts";

export type WorkerParts = ReturnType<typeof makeParts>;

/** Makes them all. @throws ConfigurationError on what cannot work; then nothing was opened */
export function makeParts(config: WorkerEnvironment, logger: Logger, tracing: Tracing | undefined) {
  const name = `${hostname()}:${process.pid}`;
  const policies = new LivePolicies(config);
  const shards = shardsOf(config);
  const metrics = new WorkerMetrics();
  const created = createProvisioner(config, metrics, logger);
  const redis = connectRedis(config.REDIS_URL, "wait", logger);
  const shared = {
    redis,
    prefix: config.RESTART_PREFIX,
    shards: config.SHARDS,
    policy: policies,
    leaseMs: config.RESTART_LEASE_MS,
    activityTtlMs: config.RESTART_ACTIVITY_TTL_MS,
    replication: { minReplicas: config.RESTART_MIN_REPLICAS, timeoutMs: config.RESTART_REPLICA_TIMEOUT_MS },
    observer: metrics.observer,
  };
  const cycles = new Cycles({ ...shared, worker: name });
  const { keys } = cycles;
  const hints = new HintQueues(redis, keys, tracing?.hints);
  const wake = (hint: Hint): Promise<void> => hints.enqueue(hint);
  const coordinator = new RestartCoordinator({ ...shared, onDue: wake });
  metrics.watch({ redis, coordinator, hints });

  const drainer = new Drainer({
    cycles,
    provisioner: created.provisioner,
    deadlineMs: config.CYCLE_DEADLINE_MS,
    graceMs: config.SHUTDOWN_GRACE_MS,
    wake,
    removeFiles: (id) => removeWorkspaceFiles(config.WORKSPACES_DIR, id),
    deleteTraces: (id) => coordinator.registry.deleteTraces(id, coordinator.sources),
    metrics,
    logger,
  });
  const turnTaker = turnTakerOf(config, { redis, coordinator, drainer, logger });
  const hintTaker = new HintTaker({
    redis,
    keys,
    shards,
    concurrency: config.CONCURRENCY,
    onHint(job) {
      if (turnTaker !== undefined) return turnTaker.enter(job.data.workspaceId);
      const notes = new JobNotes(job);
      return drainer.drain(job.data.workspaceId, (step) => notes.add(step));
    },
    stopWithinMs: drainedWithinMs(config.SHUTDOWN_GRACE_MS),
    telemetry: tracing?.hints,
    logger,
  });
  const rolloutDriver = rolloutDriverOf(config, { redis, coordinator, owner: name, logger });
  const webhooks = webhooksOf(config, { redis, keys, owner: name, metrics, logger });
  return {
    ...{ config, name, logger, tracing, metrics, policies, shards, redis, keys, cycles, coordinator, hints, wake },
    ...{ created, drainer, turnTaker, hintTaker, rolloutDriver, webhooks },
  };
}

/** Takes all of them, unless told otherwise. @throws ConfigurationError on one that there is not */
function shardsOf({ SHARDS, WORKER_SHARDS }: WorkerEnvironment): readonly number[] {
  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  const unknown = WORKER_SHARDS?.find((shard) => shard >= SHARDS);
  if (unknown === undefined) return WORKER_SHARDS ?? all;
  throw new ConfigurationError([`WORKER_SHARDS: expected 0 to ${SHARDS - 1}, for SHARDS is ${SHARDS}, got ${unknown}`]);
}

interface Shared {
  readonly redis: Redis | Cluster;
  readonly logger: Logger;
}

/** Makes a taker of turns where there is a cap on running cycles: then hints only queue up. */
function turnTakerOf(
  config: WorkerEnvironment,
  { redis, coordinator, drainer, logger }: Shared & { coordinator: RestartCoordinator; drainer: Drainer },
): TurnTaker | undefined {
  const { RESTART_MAX_RUNNING: maxRunning, RESTART_PREFIX: prefix, RESTART_LEASE_MS: leaseMs } = config;
  if (maxRunning === undefined) return undefined;
  return new TurnTaker({
    turns: new Turns({ redis, prefix, maxRunning, leaseMs }),
    concurrency: config.CONCURRENCY,
    tenantOf: async (id) => (await coordinator.registry.tags(id))[config.RESTART_TENANT_TAG] ?? "",
    run: (id) => drainer.drain(id),
    stopWithinMs: drainedWithinMs(config.SHUTDOWN_GRACE_MS),
    logger,
  });
}

function rolloutDriverOf(
  config: WorkerEnvironment,
  { redis, coordinator, owner, logger }: Shared & { coordinator: RestartCoordinator; owner: string },
): RolloutDriver {
  const rollouts = new Rollouts({
    redis,
    prefix: config.RESTART_PREFIX,
    keepMs: config.RESTART_ACTIVITY_TTL_MS,
    leaseMs: config.RESTART_LEASE_MS,
  });
  return new RolloutDriver({ rollouts, coordinator, owner, observer: rolloutLog(logger) });
}

function webhooksOf(
  config: WorkerEnvironment,
  { redis, keys, owner, metrics, logger }: Shared & Pick<Cycles, "keys"> & { owner: string; metrics: WorkerMetrics },
): WebhookDispatcher {
  return new WebhookDispatcher({
    redis,
    prefix: config.RESTART_PREFIX,
    streams: eventStreams(keys, createFleetKeys(config.RESTART_PREFIX)),
    owner,
    leaseMs: config.RESTART_LEASE_MS,
    settings: {
      timeoutMs: config.WEBHOOK_TIMEOUT_MS,
      allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
      firstRetryMs: config.WEBHOOK_RETRY_MS,
      giveUpMs: config.WEBHOOK_GIVE_UP_MS,
      observe: (attempt) => metrics.webhookAttempted(attempt),
    },
    logger,
  });
}
