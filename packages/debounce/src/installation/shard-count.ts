/**
 * How many shards an installation has is written down by whoever comes first. With another number most workspaces would be
 * looked for where they are not: a process that was told another one must not start.
 */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { KeySpace } from "../keys.ts";

/** Writes the number down unless one is there, and returns the one that counts. */
export async function claimShardCount(redis: Redis | Cluster, keys: KeySpace): Promise<number> {
  return asked(async () => {
    await redis.set(keys.shardCount, keys.shards, "NX");
    return Number(await redis.get(keys.shardCount));
  });
}
