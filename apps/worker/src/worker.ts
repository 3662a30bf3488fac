/** The worker process: hints in, cycles out, and a sweep for what no hint led to. */
import { describeCondition } from "@restart-coordinator/debounce";
import {
  BackgroundService,
  createLogger,
  type Listed,
  policyWatch,
  redisConnection,
  type Service,
  ServiceList,
  type Tracing,
  type WorkerEnvironment,
  ZONE_RULES,
} from "@restart-coordinator/service";
import type { Logger } from "pino";
import { evictionWatch } from "./eviction-watch.ts";
import { HealthService } from "./health-service.ts";
import { observeLoop } from "./observing/observe-loop.ts";
import { makeParts, type WorkerParts } from "./parts.ts";
import { reconcileLoop } from "./reconcile-loop.ts";
import { rolloutLoop } from "./rollout-loop.ts";
import { sweepLoop } from "./sweep-loop.ts";

/** Starts a worker. @throws ConfigurationError on what cannot work */
export async function startWorker(
  config: WorkerEnvironment,
  tracing?: Tracing,
): Promise<{ service: Service; logger: Logger }> {
  const logger = createLogger("worker", config.LOG_LEVEL);
  const parts = makeParts(config, logger, tracing);
  const service = new ServiceList(workerServices(parts), logger);
  await service.start();
  const { name, created, shards } = parts;
  logger.info(
    {
      provisioner: created.provisioner.name,
      concurrency: config.CONCURRENCY,
      shards: shards.length === config.SHARDS ? config.SHARDS : shards,
      maxRunning: config.RESTART_MAX_RUNNING,
      zoneRules: ZONE_RULES,
    },
    `worker ${name} takes restarts`,
  );
  return { service, logger };
}

/** Lists what a worker is made of, in the order in which it starts; it stops the other way round. */
export function workerServices(parts: WorkerParts): readonly Listed[] {
  const { config, logger, metrics, redis, cycles, coordinator, created, turnTaker } = parts;
  const intervalMs = config.RESTART_SWEEP_MS;
  return [
    parts.tracing?.service,
    new HealthService(config, { metrics: () => metrics.expose(), notReady: () => whyNotReady(parts) }, logger),
    created.service,
    redisConnection(redis),
    parts.startCheck,
    parts.redisWatch.looking(),
    evictionWatch({ installation: cycles.installation, metrics, logger }),
    parts.hints,
    policyWatch(parts.policies, logger, {
      onReload: (isLoaded) => metrics.policyReloaded(isLoaded),
      policiesChanged: () => cycles.policiesChanged(),
    }),
    // What is owed may have been scheduled by the policies that were in force before this process was.
    new BackgroundService("the wish to schedule anew what is owed", {
      start: () => void cycles.policiesChanged().catch((error: Error) => logger.warn({ err: error }, NOT_SCHEDULED)),
    }),
    parts.zoneRules,
    // Each of these begins nothing more at the stop, and ends what it is at.
    [
      parts.drainer,
      turnTaker,
      parts.hintTaker,
      sweepLoop({
        cycles,
        shards: parts.shards,
        intervalMs,
        wake: turnTaker === undefined ? parts.wake : ({ workspaceId }) => turnTaker.enter(workspaceId),
        moved: parts.wake,
        onPass: () => turnTaker?.look(),
        openQueue: (shard) => parts.hints.open(shard),
        onClosed: () => metrics.queueOpened(),
        onHinted: () => metrics.sweepHinted(),
        logger,
      }),
      observeLoop({
        lookout: parts.lookout,
        observations: parts.observations,
        provisioner: created.provisioner,
        shards: parts.shards,
        intervalMs: config.RESTART_OBSERVE_MS,
        logger,
      }),
      rolloutLoop({ driver: parts.rolloutDriver, intervalMs, logger }),
      reconcileLoop({ reconcile: created.reconcile, coordinator, intervalMs: config.EC2_RECONCILE_MS, logger }),
      parts.webhooks,
    ],
  ];
}

const NOT_SCHEDULED = "what is owed keeps the times that earlier policies gave it";

async function whyNotReady({ created, drainer, hintTaker, redisWatch }: WorkerParts): Promise<string | undefined> {
  if (drainer.stopping.aborted) return "it is going down";
  const condition = await redisWatch.condition();
  if (condition !== undefined) return describeCondition(condition);
  return hintTaker.isTaking ? created.trouble?.() : "it takes no hints";
}
