import type { KeySpace } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";

/** Who waits for a turn, where there is a cap on running cycles. */
export interface TurnsView {
  count(): Promise<{ readonly waiting: number; readonly running: number }>;
  areWaiting(workspaceIds: readonly string[]): Promise<boolean[]>;
}

/** Of each shard, the oldest. */
const MOST_LOOKED_AT = 1_000;

/**
 * Tells how long the oldest due workspace has been waiting that waits for no turn, ms: nobody has taken note of it. 0 when
 * there is none.
 */
export async function oldestUntakenMs(redis: Redis | Cluster, keys: KeySpace, turns: TurnsView): Promise<number> {
  const [seconds] = await redis.time();
  const now = Number(seconds) * 1_000;
  const ofShards = Array.from({ length: keys.shards }, (_, shard) =>
    redis.zrange(keys.forShard("due", shard), "-inf", String(now), "BYSCORE", "LIMIT", 0, MOST_LOOKED_AT, "WITHSCORES"),
  );
  const flat = (await Promise.all(ofShards)).flat();
  const due = flat.flatMap((id, i) => (i % 2 === 0 ? [{ id, at: Number(flat[i + 1]) }] : []));
  const areWaiting = await turns.areWaiting(due.map(({ id }) => id));
  const untaken = due.filter((_, i) => !areWaiting[i]).map(({ at }) => now - at);
  return Math.max(0, ...untaken);
}
