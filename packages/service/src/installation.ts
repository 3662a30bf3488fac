import { Installation, type Observer, type PolicyProvider } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { SharedEnvironment } from "./environment.ts";

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
