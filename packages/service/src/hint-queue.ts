/**
 * The BullMQ queue of wake-up hints: "look at this workspace". It carries no truth. Losing a hint costs a sweep
 * interval, a second one finds nothing to do, wiping the queue is harmless.
 */
import type { Hint, KeySpace } from "@restart-coordinator/debounce";
import { type ConnectionOptions, type JobType, Queue, type Telemetry } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { defineLook, findPlace, jobIdOf, type Place } from "./hint-places.ts";
import { BackgroundService } from "./lifecycle/service.ts";
import { openQueue } from "./open-queue.ts";

export const HINT_QUEUE = "restarts";
export const HINT_JOB = "restart";

export interface HintData {
  readonly workspaceId: string;
}

/** Finished hints are of no use; a failed one is kept for a look. A worker's notes on one are kept up to `keepLogs`. */
const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: { count: 100 }, keepLogs: 200 } as const;

/** Redis may be away: the stop waits no longer, ms. */
const CLOSE_WITHIN_MS = 1_000;

/** The hint queues, one per shard. */
export class HintQueues extends BackgroundService {
  readonly #redis: Redis | Cluster;
  readonly #look: ReturnType<typeof defineLook>;
  readonly #keys: KeySpace;
  readonly #queues: readonly Queue<HintData>[];

  /**
   * Makes the queues on a connection that is shared with the caller and stays the caller's to close. With `telemetry`
   * a hint carries the trace of whoever gave it.
   */
  constructor(redis: Redis | Cluster, keys: KeySpace, telemetry?: Telemetry) {
    super("the queue of hints", { stopWithinMs: CLOSE_WITHIN_MS });
    this.#redis = redis;
    this.#look = defineLook(redis);
    this.#keys = keys;
    this.#queues = Array.from({ length: keys.shards }, (_, shard) => {
      const queue = new Queue<HintData>(HINT_QUEUE, {
        connection: redis as ConnectionOptions,
        prefix: keys.tagOf(shard),
        // With both, BullMQ asks Redis nothing at the start: a server that is away then can neither hang this queue nor
        // leave it broken for good.
        skipWaitingForReady: true,
        skipVersionCheck: true,
        streams: { events: { maxLen: 100 } },
        ...(telemetry && { telemetry }),
      });
      // The connection's own listener reports this; BullMQ repeats it, and an unheard "error" would end the process.
      queue.on("error", () => {});
      return queue;
    });
  }

  get queues(): readonly Queue<HintData>[] {
    return this.#queues;
  }

  /** Tells where the hints of a workspace are. */
  queueOf(workspaceId: string): Queue<HintData> {
    return this.#queues[this.#keys.shardOf(workspaceId)] as Queue<HintData>;
  }

  /**
   * Sees to it that a hint waits for the workspace, then or sooner, and tells whether there was none: a backlog makes no
   * second one. @throws Error when Redis does not take it
   */
  async enqueue({ workspaceId, hintId, delayMs }: Hint): Promise<boolean> {
    const queue = this.queueOf(workspaceId);
    const place = await findPlace(this.#look, queue, workspaceId);
    if (place.kind === "waits") {
      await bringForward(queue, place, delayMs);
      return false;
    }
    if (place.kind === "free" && place.leftover) await queue.remove(place.jobId);
    const jobId = place.kind === "free" ? place.jobId : jobIdOf(workspaceId, hintId);
    await queue.add(HINT_JOB, { workspaceId }, { ...JOB_OPTIONS, jobId, ...(delayMs > 0 && { delay: delayMs }) });
    return true;
  }

  /**
   * Opens the queue of a shard where somebody paused or throttled it, and tells by what: an empty list, if it was open.
   * @throws Error when Redis does not answer
   */
  open(shard: number): Promise<string[]> {
    return openQueue(this.#redis, this.#queues[shard] as Queue<HintData>);
  }

  /** Counts jobs by their state, over all shards. @throws Error when Redis does not answer */
  async countJobs<State extends JobType>(states: readonly State[]): Promise<Record<State, number>> {
    const counted = await Promise.all(this.#queues.map((queue) => queue.getJobCounts(...states)));
    const sums = states.map((state) => [state, counted.reduce((sum, counts) => sum + (counts[state] ?? 0), 0)]);
    return Object.fromEntries(sums) as Record<State, number>;
  }

  /**
   * Counts the workers that wait for hints, shard by shard. Undefined where Redis does not let us see its clients, as some
   * that are hosted do not.
   */
  async countWorkers(): Promise<number[] | undefined> {
    try {
      return await Promise.all(this.#queues.map((queue) => queue.getWorkersCount()));
    } catch {
      return undefined;
    }
  }

  protected override async down(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}

/** A hint that waits for a later time waits for the sooner one from now on. */
async function bringForward(queue: Queue, place: Place & { kind: "waits" }, delayMs: number): Promise<void> {
  // BullMQ counts by the clocks of its clients.
  if (place.delayedUntil === undefined || place.delayedUntil <= Date.now() + delayMs) return;
  const job = await queue.getJob(place.jobId);
  const isMoved = (error: unknown): void => {
    // It left the delayed ones meanwhile: a worker takes it now, and sees what is true.
    if (job !== undefined && error instanceof Error && /delayed|Missing/i.test(error.message)) return;
    throw error;
  };
  await (delayMs > 0 ? job?.changeDelay(delayMs) : job?.promote())?.catch(isMoved);
}
