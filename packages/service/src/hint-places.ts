/**
 * Finds where the hint of a workspace goes. However often somebody asks, one hint waits: who takes it looks at what is true
 * then. A second place is needed while a worker follows the first: BullMQ swallows a job whose id another one has, and that
 * worker's last look may be over.
 */
import type { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

const PLACES = ["a", "b", "c"] as const;

/** Makes the id of the job in a place. */
export function jobIdOf(workspaceId: string, place: string): string {
  return `${workspaceId}@${place}`;
}

/** Finds the workspace of a job; a workspace's id has no "@". */
export function workspaceOfJob(jobId: string): string {
  return jobId.slice(0, Math.max(0, jobId.indexOf("@")));
}

export type Place =
  /** Nobody waits there; `leftover`: a job that failed, or that somebody took out of its list, must go first. */
  | { readonly kind: "free"; readonly jobId: string; readonly leftover: boolean }
  /** A hint waits there already, by the clocks of BullMQ's clients; `delayedUntil` undefined = a worker may take it now. */
  | { readonly kind: "waits"; readonly jobId: string; readonly delayedUntil: number | undefined }
  /** Workers follow all of them, or died over it. */
  | { readonly kind: "none" };

/**
 * Looks at each place. A job whose worker died stays active until BullMQ misses it, and waits again after that. Beyond so
 * many waiting jobs nobody searches the list: one that somebody took out of it by hand is found once there are fewer.
 */
const LOOK = `
local delayed, wait, answer = KEYS[1], KEYS[2], {}
local function isListed(id)
  local length = redis.call('LLEN', wait)
  return length > 1000 or (length > 0 and redis.call('LPOS', wait, id) ~= false)
end
for i, id in ipairs(ARGV) do
  local key, lock = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local job = redis.call('HMGET', key, 'timestamp', 'processedOn', 'finishedOn')
  local score = redis.call('ZSCORE', delayed, id)
  local place = 'free'
  if job[3] then place = 'leftover'
  elseif score then place = 'delayed ' .. string.format('%d', math.floor(score / 4096))
  elseif job[2] and redis.call('EXISTS', lock) == 1 then place = 'busy'
  elseif job[1] then place = isListed(id) and 'waits' or job[2] and 'busy' or 'leftover' end
  answer[i] = place
end
return answer`;

type Look = (keys: number, ...keysAndIds: string[]) => Promise<string[]>;

/** Redis knows a script by its name from the second time on. */
export function defineLook(redis: Redis | Cluster): Look {
  redis.defineCommand("restartHintPlaces", { lua: LOOK });
  return (redis as unknown as { restartHintPlaces: Look }).restartHintPlaces.bind(redis);
}

/** @throws Error when Redis does not answer */
export async function findPlace(look: Look, queue: Queue, workspaceId: string): Promise<Place> {
  const ids = PLACES.map((place) => jobIdOf(workspaceId, place));
  const ofJobs = ids.flatMap((id) => [queue.toKey(id), `${queue.toKey(id)}:lock`]);
  const keys = [queue.toKey("delayed"), queue.toKey("wait"), ...ofJobs];
  const found = await look(keys.length, ...keys, ...ids);
  const at = (what: (place: string) => boolean): string | undefined => ids[found.findIndex(what)];

  const waiting = at((place) => place === "waits");
  if (waiting !== undefined) return { kind: "waits", jobId: waiting, delayedUntil: undefined };
  const delayed = found.findIndex((place) => place.startsWith("delayed"));
  if (delayed >= 0) {
    const delayedUntil = Number(found[delayed]?.slice("delayed ".length));
    return { kind: "waits", jobId: ids[delayed] as string, delayedUntil };
  }
  const free = at((place) => place === "free");
  const jobId = free ?? at((place) => place === "leftover");
  return jobId === undefined ? { kind: "none" } : { kind: "free", jobId, leftover: free === undefined };
}
