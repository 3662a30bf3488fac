/**
 * How many shards an installation has is written down by whoever comes first. With another number most workspaces would be
 * looked for where they are not: a process that was told another one must not start.
 */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { KeySpace } from "../keys.ts";

/** `isNew`: there was none, and it was written down now. */
export interface ClaimedShards {
  readonly count: number;
  readonly isNew: boolean;
}

/** Writes the number down unless one is there, and returns the one that counts. @throws CoordinatorUnavailableError */
export async function claimShardCount(redis: Redis | Cluster, keys: KeySpace): Promise<ClaimedShards> {
  return asked(async () => {
    const isNew = (await redis.set(keys.shardCount, keys.shards, "NX")) !== null;
    return { count: isNew ? keys.shards : Number(await redis.get(keys.shardCount)), isNew };
  });
}
