/** The worker process: hints in, cycles out, and a sweep for what no hint led to. */
import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Cycles, describeCondition, type Hint, RestartCoordinator } from "@restart-coordinator/debounce";
import { createFleetKeys, RolloutDriver, type RolloutObserver, Rollouts, Turns } from "@restart-coordinator/fleet";
import {
  blockingConnection,
  ConfigurationError,
  checkAtStart,
  connectRedis,
  createLogger,
  HINT_QUEUE,
  type HintData,
  HintQueues,
  LivePolicies,
  logStart,
  RedisWatch,
  type Service,
  type Tracing,
  type WorkerEnvironment,
  WorkerMetrics,
} from "@restart-coordinator/service";
import { WebhookDispatcher } from "@restart-coordinator/webhooks";
import type { ConnectionOptions, Job } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { type DrainParts, drain } from "./drain.ts";
import { serveHealth } from "./health-server.ts";
import { HintWorker } from "./hint-worker.ts";
import { JobNotes } from "./job-notes.ts";
import { createProvisioner } from "./provisioners/create.ts";
import { Reconciler } from "./reconciler.ts";
import { removeWorkspaceFiles } from "./remove-files.ts";
import { RolloutLoop, rolloutLog } from "./rollout-loop.ts";
import { Sweeper } from "./sweeper.ts";
import { TurnTaker } from "./turn-taker.ts";

/** A job taken twice finds "busy" or "idle": there is no reason ever to fail it for having been taken before. */
const MAX_STALLED = 1_000_000;

/** Past its grace time a worker waits no longer than this for Redis to take note of its going, ms. */
const HANDOVER_WITHIN_MS = 3_000;

export async function startWorker(
  config: WorkerEnvironment,
  tracing?: Tracing,
): Promise<{ service: Service; logger: Logger }> {
  const name = `${hostname()}:${process.pid}`;
  const logger = createLogger("worker", config.LOG_LEVEL);
  const policies = new LivePolicies(config);
  logStart(config, policies, logger);
  const shards = shardsOf(config);
  const metrics = new WorkerMetrics();
  let notReady = async (): Promise<string | undefined> => "it is starting";
  const health = await serveHealth(config, { metrics: () => metrics.expose(), notReady: () => notReady() });
  if (health !== undefined) logger.info({ url: health.url }, `health and metrics on ${health.url}`);
  const redis = connectRedis(config, "wait", logger);
  const { provisioner, reconcile, close: closeProvisioner } = createProvisioner(config, metrics, logger);
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
  const coordinator: RestartCoordinator = new RestartCoordinator({ ...shared, onDue: (hint) => wake(hint) });
  const start = { redis, keys: cycles.keys, settings: config, isWorker: true, logger };
  const { passed } = await checkAtStart(start).catch(async (error: unknown) => {
    redis.disconnect();
    await closeProvisioner();
    await health?.stop();
    throw error;
  });
  const hints = new HintQueues(redis, cycles.keys, tracing?.hints);
  const redisWatch = new RedisWatch({ redis, keys: cycles.keys, logger });
  redisWatch.start();
  metrics.watch({ redisWatch, coordinator, hints });
  const wake = (hint: Hint): Promise<void> => hints.enqueue(hint);
  const closing = new AbortController();
  const handover = new AbortController();
  // Every attempt under way listens.
  setMaxListeners(0, handover.signal);
  const parts: DrainParts = {
    cycles,
    provisioner,
    attempt: {
      deadlineMs: config.CYCLE_DEADLINE_MS,
      handover: handover.signal,
      removeFiles: (id) => removeWorkspaceFiles(config.WORKSPACES_DIR, id),
    },
    wake,
    deleteTraces: (id) => coordinator.registry.deleteTraces(id, coordinator.sources),
    closing: closing.signal,
    metrics,
    logger,
  };

  const turnTaker = takesTurns(config, { redis, coordinator, parts });
  const workers = shards.map((shard) => {
    const onHint = (job: Job<HintData>) => turnTaker?.enter(job.data.workspaceId) ?? drainFor(job, parts);
    const worker = new HintWorker(HINT_QUEUE, onHint, {
      connection: redis as ConnectionOptions,
      prefix: cycles.keys.tagOf(shard),
      concurrency: config.CONCURRENCY,
      maxStalledCount: MAX_STALLED,
      autorun: false,
      ...(tracing && { telemetry: tracing.hints }),
    });
    worker.on("error", (error) => logger.debug({ err: { message: error.message } }, "BullMQ worker"));
    worker.on("failed", (job, error) =>
      logger.error({ err: error, jobId: job?.id }, "a hint failed; the sweep finds what it was for"),
    );
    return worker;
  });
  // Where Redis does not permit what BullMQ needs, it would try again for ever, and nothing else would come to a turn.
  void passed.then(() => {
    if (closing.signal.aborted) return;
    for (const worker of workers) worker.run().catch((error: Error) => worker.emit("error", error));
  });
  notReady = async () => {
    if (closing.signal.aborted) return "it is going down";
    if (!workers.every((worker) => worker.isRunning())) return "it takes no hints";
    const condition = await redisWatch.condition();
    return condition && describeCondition(condition);
  };
  const sweeper = new Sweeper({
    cycles,
    shards,
    intervalMs: config.RESTART_SWEEP_MS,
    wake: turnTaker === undefined ? wake : ({ workspaceId }) => turnTaker.enter(workspaceId),
    onPass: () => turnTaker?.look(),
    onHinted: () => metrics.sweepHinted(),
    logger,
  });
  sweeper.start();
  policies.watch(logger, (isLoaded) => metrics.policyReloaded(isLoaded));
  const rolloutLoop = new RolloutLoop({
    driver: rolloutDriverFor(config, { redis, coordinator, owner: name, observer: rolloutLog(logger) }),
    intervalMs: config.RESTART_SWEEP_MS,
    logger,
  });
  rolloutLoop.start();
  const reconciler =
    reconcile && new Reconciler({ reconcile, coordinator, intervalMs: config.EC2_RECONCILE_MS, logger });
  reconciler?.start();
  logger.info(
    {
      provisioner: provisioner.name,
      concurrency: config.CONCURRENCY,
      shards: shards.length === config.SHARDS ? config.SHARDS : shards,
      maxRunning: config.RESTART_MAX_RUNNING,
    },
    `worker ${name} takes restarts`,
  );

  const shardStreams = Array.from({ length: config.SHARDS }, (_, shard) => cycles.keys.forShard("events", shard));
  const webhooks = new WebhookDispatcher({
    redis,
    connect: () => blockingConnection(redis),
    prefix: config.RESTART_PREFIX,
    streams: [...shardStreams, createFleetKeys(config.RESTART_PREFIX).of("events")],
    owner: name,
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
  webhooks.start();

  let stopping: Promise<void> | undefined;
  const finish = async (): Promise<void> => {
    const grace = setTimeout(() => handover.abort(new Error("the worker is going down")), config.SHUTDOWN_GRACE_MS);
    // Takes no further hint and waits for the cycles under way; past the grace time they are handed over.
    await Promise.all([
      sweeper.stop(),
      webhooks.stop(),
      rolloutLoop.stop(),
      turnTaker?.stop(),
      ...workers.map((worker) => worker.close()),
    ]);
    clearTimeout(grace);
    await hints.close();
    await redis.quit();
  };
  const stop = async (): Promise<void> => {
    policies.stop();
    redisWatch.stop();
    closing.abort();
    reconciler?.stop();
    const patience = new AbortController();
    const { signal } = patience;
    const finished = finish().then(() => true);
    const givenUp = sleep(config.SHUTDOWN_GRACE_MS + HANDOVER_WITHIN_MS, false, { signal }).catch(() => true);
    if (!(await Promise.race([finished, givenUp]))) {
      finished.catch(() => {});
      logger.warn("Redis does not answer: nothing could be handed over; the leases run out by themselves");
    }
    patience.abort();
    redis.disconnect();
    await closeProvisioner();
    await health?.stop();
    await tracing?.stop();
  };
  return { service: { stop: () => (stopping ??= stop()) }, logger };
}

/** All of them, unless told otherwise. @throws ConfigurationError */
function shardsOf({ SHARDS, WORKER_SHARDS }: WorkerEnvironment): readonly number[] {
  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  const unknown = WORKER_SHARDS?.find((shard) => shard >= SHARDS);
  if (unknown === undefined) return WORKER_SHARDS ?? all;
  throw new ConfigurationError([`WORKER_SHARDS: expected 0 to ${SHARDS - 1}, for SHARDS is ${SHARDS}, got ${unknown}`]);
}

/** With a cap on running cycles hints only queue up; nothing of this without one. */
function takesTurns(
  config: WorkerEnvironment,
  { redis, coordinator, parts }: { redis: Redis | Cluster; coordinator: RestartCoordinator; parts: DrainParts },
): TurnTaker | undefined {
  const { RESTART_MAX_RUNNING: maxRunning, RESTART_PREFIX: prefix, RESTART_LEASE_MS: leaseMs } = config;
  if (maxRunning === undefined) return undefined;
  return new TurnTaker({
    turns: new Turns({ redis, prefix, maxRunning, leaseMs }),
    concurrency: config.CONCURRENCY,
    tenantOf: async (id) => (await coordinator.registry.tags(id))[config.RESTART_TENANT_TAG] ?? "",
    run: (id) => drain(id, parts, () => {}),
    logger: parts.logger,
  });
}

function rolloutDriverFor(
  config: WorkerEnvironment,
  parts: { redis: Redis | Cluster; coordinator: RestartCoordinator; owner: string; observer: RolloutObserver },
): RolloutDriver {
  const rollouts = new Rollouts({
    redis: parts.redis,
    prefix: config.RESTART_PREFIX,
    keepMs: config.RESTART_ACTIVITY_TTL_MS,
    leaseMs: config.RESTART_LEASE_MS,
  });
  return new RolloutDriver({ ...parts, rollouts });
}

async function drainFor(job: Job<HintData>, parts: DrainParts): Promise<void> {
  const notes = new JobNotes(job);
  await drain(job.data.workspaceId, parts, (step) => notes.add(step));
}
