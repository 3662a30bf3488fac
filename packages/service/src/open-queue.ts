/**
 * Opens a queue of hints that somebody closed from outside. BullMQ has switches for a whole queue (a pause, which also a
 * refused `obliterate` leaves behind; a global concurrency; a rate limit), and with any of them no restart would begin and
 * nobody be told. Restarts are held back by a hold, a pause of workspaces or a cap: all of these are told and seen.
 */
import type { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

const SWITCHES = ["paused", "concurrency", "max"] as const;

/** Tells what it was closed by; empty when it was open. @throws Error when Redis does not answer */
export async function openQueue(redis: Redis | Cluster, queue: Queue): Promise<string[]> {
  const [meta, limited] = await Promise.all([
    redis.hmget(queue.toKey("meta"), ...SWITCHES),
    redis.exists(queue.toKey("limiter")),
  ]);
  const [paused, concurrency, max] = meta.map((value) => value !== null);
  const closedBy = [];
  if (concurrency) {
    await queue.removeGlobalConcurrency();
    closedBy.push("a global concurrency");
  }
  if (max) await queue.removeGlobalRateLimit();
  if (limited === 1) await queue.removeRateLimitKey();
  if (max || limited === 1) closedBy.push("a rate limit");
  // Last: it also wakes the workers.
  if (paused) closedBy.push("a pause");
  if (closedBy.length > 0) await queue.resume();
  return closedBy;
}
