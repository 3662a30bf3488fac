import type { KeySpace } from "@restart-coordinator/debounce";
import { BackgroundService, HINT_QUEUE, type HintData } from "@restart-coordinator/service";
import type { ConnectionOptions, Job, Telemetry, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { HintWorker } from "./hint-worker.ts";

export interface HintTakerOptions {
  readonly redis: Redis | Cluster;
  readonly keys: KeySpace;
  /** Those whose hints it takes. */
  readonly shards: readonly number[];
  /** Hints of a shard that it follows at a time. */
  readonly concurrency: number;
  /** Follows a hint; the job is done when it resolves. */
  readonly onHint: (job: Job<HintData>) => Promise<unknown>;
  /** How long what was begun may take to end at the stop, ms. */
  readonly stopWithinMs: number;
  readonly telemetry: Telemetry | undefined;
  /**
   * Resolves once Redis is known to permit what BullMQ needs. Where it does not, BullMQ would try again for ever, and
   * nothing else of the process would come to a turn.
   */
  readonly redisUsable: Promise<void>;
  readonly logger: Logger;
}

/** A job taken twice finds "busy" or "idle": there is no reason ever to fail it for having been taken before. */
const MAX_STALLED = 1_000_000;

/**
 * The hint taker is a BullMQ worker for each shard. Once stopped it takes no further one, and has followed those it
 * took.
 */
export class HintTaker extends BackgroundService {
  readonly #options: HintTakerOptions;
  #workers: readonly Worker<HintData>[] = [];

  constructor(options: HintTakerOptions) {
    super("the hints under way", { stopWithinMs: options.stopWithinMs, otherwise: "their jobs are taken anew" });
    this.#options = options;
  }

  /** Tells whether hints are taken from every shard. */
  get isTaking(): boolean {
    return this.#workers.length > 0 && this.#workers.every((worker) => worker.isRunning());
  }

  protected override async up(): Promise<void> {
    void this.#options.redisUsable.then(() => {
      if (!this.stopping.aborted) this.#workers = this.#options.shards.map((shard) => this.#workerOf(shard));
    });
  }

  protected override async down(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  #workerOf(shard: number): Worker<HintData> {
    const { redis, keys, concurrency, onHint, telemetry, logger } = this.#options;
    const worker = new HintWorker(HINT_QUEUE, async (job) => void (await onHint(job)), {
      connection: redis as ConnectionOptions,
      prefix: keys.tagOf(shard),
      concurrency,
      maxStalledCount: MAX_STALLED,
      ...(telemetry && { telemetry }),
    });
    worker.on("error", (error) => logger.debug({ err: { message: error.message } }, "BullMQ worker"));
    worker.on("failed", (job, error) =>
      logger.error({ err: error, jobId: job?.id }, "a hint failed; the sweep finds what it was for"),
    );
    return worker;
  }
}
