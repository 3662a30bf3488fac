import {
  commandDefaults,
  ec2Defaults,
  processDefaults,
  simulatedDefaults,
} from "@restart-coordinator/provisioner-specs";
import {
  BackgroundService,
  ConfigurationError,
  connectRedis,
  type Service,
  type WorkerEnvironment,
  type WorkerMetrics,
} from "@restart-coordinator/service";
import type { Logger } from "pino";
import { CommandProvisioner } from "./command/index.ts";
import { connectEc2, EC2_ACTIONS, Ec2Provisioner } from "./ec2/index.ts";
import { AWS_LIMITS, batched, ownLimits, Pacer } from "./ec2/pacing/index.ts";
import { type Report, reconcile, type WorkspaceRecord } from "./ec2/reconcile.ts";
import { ProcessProvisioner } from "./process/index.ts";
import type { Provisioner } from "./provisioner.ts";
import { RedisLedger, SimulatedProvisioner } from "./simulated.ts";

export interface CreatedProvisioner {
  readonly provisioner: Provisioner;
  /** Looks for what leaked, once; only where that can happen. */
  readonly reconcile?: (records: () => Promise<readonly WorkspaceRecord[]>) => Promise<void>;
  /** So many workspaces are looked at at a time. */
  readonly looksAtOnce: number;
  /** What it opened of its own, to be closed. */
  readonly service?: Service;
  /** Why no restart would work now, whatever the workspace; undefined while nothing is known to be in the way. */
  readonly trouble?: () => string | undefined;
}

/** A look that is a read of /proc, or part of a call that many share. */
const CHEAP_LOOKS = 200;
/** A look at a workspace of the command provisioner is a process. */
const COMMANDS_AT_ONCE = 4;

/** More than the longest time that a spec may give a command from SIGTERM to SIGKILL, ms. */
const KILLED_WITHIN_MS = 605_000;

/** Makes the provisioner that PROVISIONER names. @throws ConfigurationError naming an option that cannot work */
export function createProvisioner(
  config: WorkerEnvironment,
  metrics: WorkerMetrics,
  logger: Logger,
): CreatedProvisioner {
  if (config.PROVISIONER === "simulated") return createSimulated(config, logger);
  if (config.PROVISIONER === "ec2") return createEc2(config, metrics, logger);
  if (config.PROVISIONER === "command") return createCommand(config);
  const provisioner = new ProcessProvisioner({
    workspacesDir: config.WORKSPACES_DIR,
    defaults: processDefaults(config),
  });
  const service = new BackgroundService("the watch over processes", { stop: () => provisioner.close() });
  return { provisioner, looksAtOnce: CHEAP_LOOKS, service };
}

/** Calls to EC2 are merged across workspaces, and wait for their turn in buckets that all workers share. */
function createEc2(config: WorkerEnvironment, metrics: WorkerMetrics, logger: Logger): CreatedProvisioner {
  const { EC2_OWNER: owner, EC2_ENDPOINT: endpoint } = config;
  if (owner === undefined) {
    throw new ConfigurationError([
      "EC2_OWNER: needed with PROVISIONER=ec2; no other coordinator of the account may have it",
    ]);
  }
  const defaults = checked(() => ec2Defaults(config));
  metrics.knowEc2Actions(EC2_ACTIONS);
  const redis = connectRedis(config, "wait", logger);
  const pacer = new Pacer({
    redis,
    prefix: config.RESTART_PREFIX,
    limits: ownLimits(AWS_LIMITS, { share: config.EC2_SHARE }),
    onWait: (action, waitMs) => {
      metrics.ec2Waited(action, waitMs);
      logger.debug({ action, waitMs }, "waited for a turn at EC2");
    },
    onThrottled: (action) => {
      metrics.ec2Throttled(action);
      logger.warn({ action }, "EC2 throttled a call: slowing down");
    },
    onTrouble: (error) => logger.warn({ err: error }, "the pacing of EC2 calls has trouble"),
  });
  const ec2 = connectEc2({
    endpoint,
    pace: (request, make) => pacer.inTurn(request, make),
    onSilence: (trouble) => {
      if (trouble === undefined) logger.info("EC2 answers again");
      else logger.error(trouble);
    },
  });
  const api = batched(ec2);
  const sightings = new Map<string, number>();
  const report = (found: Report): void => logger.warn(found, "EC2 and the records do not agree");
  return {
    provisioner: new Ec2Provisioner({ api, owner, defaults }),
    // What is asked together goes in one call.
    looksAtOnce: CHEAP_LOOKS,
    reconcile: async (records) => {
      const parts = { api, owner, records, now: () => Date.now(), sightings, report };
      await reconcile(parts, { terminate: config.EC2_TERMINATE_ORPHANS });
    },
    service: new BackgroundService("the connections to EC2 and to its buckets", {
      stop: () => {
        ec2.close();
        redis.disconnect();
      },
    }),
    trouble: () => ec2.trouble(),
  };
}

function createCommand(config: WorkerEnvironment): CreatedProvisioner {
  const provisioner = new CommandProvisioner({
    workspacesDir: config.WORKSPACES_DIR,
    defaults: commandDefaults(config),
  });
  const stop = () => provisioner.close();
  return {
    provisioner,
    looksAtOnce: COMMANDS_AT_ONCE,
    service: new BackgroundService("the commands under way", { stop, stopWithinMs: KILLED_WITHIN_MS }),
  };
}

/** Its ledger is no part of the coordinator's state, and may live on a server of its own. */
function createSimulated(config: WorkerEnvironment, logger: Logger): CreatedProvisioner {
  const name = config.SIMULATED_LEDGER;
  const settings = simulatedDefaults(config);
  const looksAtOnce = CHEAP_LOOKS;
  if (name === undefined) {
    return { provisioner: new SimulatedProvisioner(settings), looksAtOnce };
  }
  const { SIMULATED_LEDGER_URL: url } = config;
  const redis = connectRedis(url === undefined ? config : { REDIS_URL: url }, "wait", logger);
  const ledger = new RedisLedger(redis, name);
  return {
    provisioner: new SimulatedProvisioner({ ...settings, ledger }),
    looksAtOnce,
    service: new BackgroundService("the connection to the ledger", { stop: () => redis.disconnect() }),
  };
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigurationError([(error as Error).message]);
  }
}
