import {
  commandDefaults,
  ec2Defaults,
  processDefaults,
  simulatedDefaults,
} from "@restart-coordinator/provisioner-specs";
import type { WorkerEnvironment, WorkerMetrics } from "@restart-coordinator/service";
import { ConfigurationError, connectRedis } from "@restart-coordinator/service";
import type { Logger } from "pino";
import { CommandProvisioner } from "./command/index.ts";
import { Ec2Provisioner, SdkEc2Api } from "./ec2/index.ts";
import { AWS_LIMITS, BatchedEc2Api, ownLimits, PacedEc2Api } from "./ec2/pacing/index.ts";
import { type Report, reconcile, type WorkspaceRecord } from "./ec2/reconcile.ts";
import { ProcessProvisioner } from "./process/index.ts";
import type { Provisioner } from "./provisioner.ts";
import { MemoryLedger, RedisLedger, SimulatedProvisioner } from "./simulated.ts";

export interface CreatedProvisioner {
  readonly provisioner: Provisioner;
  /** Looks for what leaked, once; only where that can happen. */
  readonly reconcile?: (records: () => Promise<readonly WorkspaceRecord[]>) => Promise<void>;
  /** Closes what it opened of its own. */
  close(): Promise<void>;
}

/** The provisioner that PROVISIONER names, with its own options. @throws Error naming an option that cannot work */
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
  return { provisioner, close: async () => {} };
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
  const redis = connectRedis(config, "wait", logger);
  const sdk = new SdkEc2Api({ endpoint });
  const paced = new PacedEc2Api(sdk, {
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
  const api = new BatchedEc2Api(paced);
  const sightings = new Map<string, number>();
  const report = (found: Report): void => logger.warn(found, "EC2 and the records do not agree");
  return {
    provisioner: new Ec2Provisioner({ api, owner, defaults }),
    reconcile: async (records) => {
      const parts = { api, owner, records, now: () => Date.now(), sightings, report };
      await reconcile(parts, { terminate: config.EC2_TERMINATE_ORPHANS });
    },
    close: async () => {
      sdk.close();
      redis.disconnect();
    },
  };
}

function createCommand(config: WorkerEnvironment): CreatedProvisioner {
  const provisioner = new CommandProvisioner({
    workspacesDir: config.WORKSPACES_DIR,
    defaults: commandDefaults(config),
  });
  return { provisioner, close: () => provisioner.close() };
}

/** Its ledger is no part of the coordinator's state, and may live on a server of its own. */
function createSimulated(config: WorkerEnvironment, logger: Logger): CreatedProvisioner {
  const name = config.SIMULATED_LEDGER;
  const settings = simulatedDefaults(config);
  if (name === undefined) {
    return {
      provisioner: new SimulatedProvisioner({ ...settings, ledger: new MemoryLedger() }),
      close: async () => {},
    };
  }
  const { SIMULATED_LEDGER_URL: url } = config;
  const redis = connectRedis(url === undefined ? config : { REDIS_URL: url }, "wait", logger);
  const ledger = new RedisLedger(redis, name);
  return {
    provisioner: new SimulatedProvisioner({ ...settings, ledger }),
    close: async () => redis.disconnect(),
  };
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigurationError([(error as Error).message]);
  }
}
