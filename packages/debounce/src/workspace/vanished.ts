/**
 * Finds workspaces that are due, held, backing off or running by the indexes of their shard, and of which nothing is known
 * any more. No script leaves one so: Redis evicted the state, or somebody deleted it.
 */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Installation } from "../installation/installation.ts";

const PER_LOOK = 200;

/** Yields their ids, in bounded looks. @throws CoordinatorUnavailableError */
export async function* vanishedStates({ redis, keys }: Installation): AsyncGenerator<string> {
  for (let shard = 0; shard < keys.shards; shard += 1) {
    for (const role of ["due", "phases"] as const) {
      const index = keys.forShard(role, shard);
      for (let offset = 0; ; offset += PER_LOOK) {
        const ids = await asked(() => redis.zrange(index, String(offset), String(offset + PER_LOOK - 1)));
        const without = await asked(() => withoutState(ids));
        // One that has ended since the look is in no index any more.
        for (const id of without) if ((await asked(() => redis.zscore(index, id))) !== null) yield id;
        if (ids.length < PER_LOOK) break;
      }
    }
  }

  async function withoutState(ids: readonly string[]): Promise<string[]> {
    const known = await Promise.all(ids.map((id) => redis.exists(keys.forWorkspace("state", id))));
    return ids.filter((_, i) => known[i] === 0);
  }
}
