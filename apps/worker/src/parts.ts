/** Makes the parts of a worker. Nothing of it runs yet, but connections open themselves when they are made. */
import { hostname } from "node:os";
import {
  type ClockSeen,
  Cycles,
  type EffectiveSpec,
  type Hint,
  Observations,
  RestartCoordinator,
} from "@restart-coordinator/debounce";
import { createFleetKeys, eventStreams, RolloutDriver, Rollouts, Turns, TurnsCensus } from "@restart-coordinator/fleet";
import {
  ConfigurationError,
  connectRedis,
  HintQueues,
  installationOf,
  LivePolicies,
  logStart,
  lossLog,
  RedisWatch,
  StartCheck,
  type Tracing,
  tellEmptied,
  type WorkerEnvironment,
  WorkerMetrics,
  zoneRulesWatch,
} from "@restart-coordinator/service";
import { WebhookDispatcher } from "@restart-coordinator/webhooks";
import type { Logger } from "pino";
import { ClockWatch } from "./clock-watch.ts";
import { Drainer } from "./drainer.ts";
import { tellVanished } from "./eviction-watch.ts";
import { HintTaker } from "./hint-taker.ts";
import { JobNotes } from "./job-notes.ts";
import { Lookout } from "./observing/lookout.ts";
import { createProvisioner } from "./provisioners/create.ts";
import { removeWorkspaceFiles } from "./remove-files.ts";
import { rolloutLog } from "./rollout-loop.ts";
import { TurnTaker } from "./turn-taker.ts";

export type WorkerParts = ReturnType<typeof makeParts>;

/** Makes them all. @throws ConfigurationError on what cannot work; then nothing was opened */
export function makeParts(config: WorkerEnvironment, logger: Logger, tracing: Tracing | undefined) {
  const name = `${hostname()}:${process.pid}`;
  const policies = new LivePolicies(config);
  logStart(config, policies, logger);
  const shards = shardsOf(config);
  const metrics = new WorkerMetrics();
  const logLoss = lossLog(logger);
  tracing?.onLost((spans, reason) => {
    metrics.spansLost(spans);
    logLoss(spans, reason);
  });
  const created = createProvisioner(config, metrics, logger);
  const redis = connectRedis(config, "wait", logger);
  const stateVanished = (id: string): void => tellVanished(id, metrics, logger);
  const clock = new ClockWatch({ metrics, logger });
  const observer = { ...metrics.observer, stateVanished, clockSeen: (seen: ClockSeen) => clock.seen(seen) };
  const installation = installationOf(config, { redis, policy: policies, observer });
  const { keys } = installation;
  const { provisioner, looksAtOnce } = created;
  const effectiveSpec: EffectiveSpec = (spec) => provisioner.effectiveSpec?.(spec);
  const cycles = new Cycles(installation, { worker: name, effectiveSpec });
  const hints = new HintQueues(redis, keys, tracing?.hints);
  const wake = (hint: Hint): Promise<boolean> => hints.enqueue(hint);
  const coordinator = new RestartCoordinator(installation, { onDue: wake });
  const zoneRules = zoneRulesWatch({
    note: (call) => installation.transitions.noteZoneRules(call),
    matters: () => policies.hasQuietHours,
    logger,
  });
  const redisWatch = new RedisWatch({ redis, keys, logger });
  const startCheck = new StartCheck({
    ...{ redis, keys, settings: config, isWorker: true, logger },
    onEmptied: () => void tellEmptied(installation, zoneRules, logger),
  });
  metrics.watch({ redisWatch, coordinator, hints, turns: new TurnsCensus(installation) });

  const drainer = new Drainer({
    cycles,
    provisioner: created.provisioner,
    deadlineMs: config.CYCLE_DEADLINE_MS,
    graceMs: config.SHUTDOWN_GRACE_MS,
    wake,
    removeFiles: (id) => removeWorkspaceFiles(config.WORKSPACES_DIR, id),
    deleteTraces: (id) => coordinator.registry.deleteTraces(id),
    passed: (id, from, to) => clock.passed(keys.shardOf(id), from, to),
    metrics,
    logger,
  });
  const { stopWithinMs } = drainer;
  const { RESTART_MAX_RUNNING: maxRunning } = config;
  // With a cap on running cycles hints only queue up.
  const turnTaker =
    maxRunning === undefined
      ? undefined
      : new TurnTaker({
          turns: new Turns(installation, { maxRunning }),
          concurrency: config.CONCURRENCY,
          tenantOf: async (id) => (await coordinator.registry.tags(id))[config.RESTART_TENANT_TAG] ?? "",
          run: (id) => drainer.drain(id),
          stopWithinMs,
          logger,
        });
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
    stopWithinMs,
    telemetry: tracing?.hints,
    redisUsable: startCheck.passed,
    logger,
  });
  const observations = new Observations(coordinator, { actor: `worker ${name}`, onDue: wake, effectiveSpec });
  const lookout = new Lookout({ observations, provisioner, atOnce: looksAtOnce, metrics, logger });
  const rollouts = new Rollouts(installation);
  const rolloutDriver = new RolloutDriver({ rollouts, coordinator, owner: name, observer: rolloutLog(logger) });
  const webhooks = new WebhookDispatcher(installation, {
    streams: eventStreams(keys, createFleetKeys(installation.prefix)),
    owner: name,
    settings: {
      timeoutMs: config.WEBHOOK_TIMEOUT_MS,
      allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
      firstRetryMs: config.WEBHOOK_RETRY_MS,
      setAsideMs: config.WEBHOOK_SET_ASIDE_MS,
      giveUpMs: config.WEBHOOK_GIVE_UP_MS,
      observe: (attempt) => metrics.webhookAttempted(attempt),
      onSetAside: (count) => metrics.webhookSetAside(count),
    },
    logger,
  });
  return {
    ...{ config, name, logger, tracing, metrics, policies, shards, redis, keys, cycles, coordinator, hints, wake },
    ...{ observations, lookout, redisWatch, startCheck, zoneRules, created, drainer, turnTaker, hintTaker },
    ...{ rolloutDriver, webhooks },
  };
}

/** Takes all of them, unless told otherwise. @throws ConfigurationError on one that there is not */
function shardsOf({ SHARDS, WORKER_SHARDS }: WorkerEnvironment): readonly number[] {
  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  const unknown = WORKER_SHARDS?.find((shard) => shard >= SHARDS);
  if (unknown === undefined) return WORKER_SHARDS ?? all;
  throw new ConfigurationError([`WORKER_SHARDS: expected 0 to ${SHARDS - 1}, for SHARDS is ${SHARDS}, got ${unknown}`]);
}
