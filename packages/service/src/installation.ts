import { Installation, type Observer, type PolicyProvider } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import type { SharedEnvironment } from "./environment.ts";
import type { IntervalLoop } from "./lifecycle/interval-loop.ts";

/**
 * Tells on all shards that Redis came back empty, and notes again what this process does not note by itself soon.
 * Never rejects: what could not be told is in the log.
 */
export async function tellEmptied(installation: Installation, zoneRules: IntervalLoop, logger: Logger): Promise<void> {
  zoneRules.wake();
  await installation.transitions
    .tellEmptied()
    .catch((error: Error) => logger.warn({ err: error }, "that Redis came back empty is in no stream of events"));
}

/** Makes the installation that the environment describes, the same for an API and for a worker. */
export function installationOf(
  config: SharedEnvironment,
  parts: { readonly redis: Redis | Cluster; readonly policy: PolicyProvider; readonly observer: Observer },
): Installation {
  return new Installation({
    ...parts,
    prefix: config.RESTART_PREFIX,
    shards: config.SHARDS,
    leaseMs: config.RESTART_LEASE_MS,
    activityTtlMs: config.RESTART_ACTIVITY_TTL_MS,
    replication: { minReplicas: config.RESTART_MIN_REPLICAS, timeoutMs: config.RESTART_REPLICA_TIMEOUT_MS },
  });
}
