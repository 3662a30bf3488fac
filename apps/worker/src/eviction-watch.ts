/** Looks whether Redis evicts keys after all, and finds what was forgotten so. */
import { type Installation, vanishedStates } from "@restart-coordinator/debounce";
import {
  describeEviction,
  EVICTION_REMEDY,
  IntervalLoop,
  readServerInfo,
  type Service,
  type WorkerMetrics,
} from "@restart-coordinator/service";
import type { Logger } from "pino";

export interface EvictionWatchOptions {
  readonly installation: Installation;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  readonly intervalMs?: number;
}

const LOOK_EVERY_MS = 60_000;

/** Makes a service that tells once of an eviction policy, and once of each workspace that was forgotten. */
export function evictionWatch({
  installation,
  metrics,
  logger,
  intervalMs = LOOK_EVERY_MS,
}: EvictionWatchOptions): Service {
  let toldPolicies = "";
  let evictedBefore = 0;
  const told = new Set<string>();
  const pass = async (): Promise<void> => {
    // Redis may be away: the next look finds it.
    const servers = await readServerInfo(installation.redis).catch(() => []);
    const policies = new Set(servers.map(({ evictionPolicy = "noeviction" }) => evictionPolicy));
    policies.delete("noeviction");
    const evicting = [...policies].sort().join(", ");
    if (evicting !== "" && evicting !== toldPolicies)
      logger.error({ remedy: EVICTION_REMEDY }, describeEviction(evicting));
    toldPolicies = evicting;
    const evicted = servers.reduce((sum, { evictedKeys }) => sum + evictedKeys, 0);
    metrics.keysEvicted(evicted);
    // As long as nothing was evicted nothing was forgotten, and nothing need be looked through.
    if (evicted === evictedBefore) return;
    evictedBefore = evicted;
    for await (const workspaceId of vanishedStates(installation)) {
      if (told.has(workspaceId)) continue;
      told.add(workspaceId);
      tellVanished(workspaceId, metrics, logger);
    }
  };
  return new IntervalLoop({ name: "the watch for evicted keys", pass, intervalMs, logger });
}

/** Tells that what a workspace was owed is lost. */
export function tellVanished(workspaceId: string, metrics: WorkerMetrics, logger: Logger): void {
  metrics.stateVanished();
  logger.error(
    { workspaceId },
    `what is known of workspace ${workspaceId} has vanished from Redis: what it was owed is lost`,
  );
}
