/**
 * Watches Redis' clock for steps. One that is set back is found in Redis, by whoever sweeps, and what waits is scheduled anew
 * there. One that is set forward ends what waits, and nothing can be done about that; but what was measured across it must
 * not count the step. Only a clock that runs on by itself, such as this process has, knows it from time that passed.
 */
import type { ClockSeen } from "@restart-coordinator/debounce";
import type { WorkerMetrics } from "@restart-coordinator/service";
import type { Logger } from "pino";

export interface ClockWatchOptions {
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  /** Such as `performance.now()`. */
  readonly ownClock?: () => number;
}

interface Step {
  /** The time after it, ms of Redis' clock. */
  readonly at: number;
  readonly byMs: number;
}

/** Less is told by no one: clocks are put right by some of it all the time. */
const STEP_MS = 5_000;
const STEPS_KEPT = 100;

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #last = new Map<number, { now: number; sentAt: number }>();
  readonly #steps = new Map<number, Step[]>();

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  /** Takes note of what a sweep saw. */
  seen({ shard, now, sentAt, setBackMs }: ClockSeen): void {
    const { metrics, logger } = this.#options;
    if (setBackMs > 0) {
      metrics.clockStepped("back");
      logger.error({ shard, byMs: setBackMs }, `Redis' clock was set back by ${setBackMs} ms: ${BACK}`);
    }
    this.#look(shard, now);
    this.#last.set(shard, { now, sentAt });
  }

  /** Tells how much time passed between two times of Redis' clock, ms: without its steps, as far as this process saw them. */
  passed(shard: number, from: number, to: number): number {
    this.#look(shard, to);
    const stepped = (this.#steps.get(shard) ?? []).filter(({ at, byMs }) => from <= at - byMs && at <= to);
    return Math.max(0, to - from - stepped.reduce((sum, { byMs }) => sum + byMs, 0));
  }

  #look(shard: number, now: number): void {
    const { metrics, logger, ownClock = () => performance.now() } = this.#options;
    const last = this.#last.get(shard);
    if (last === undefined) return;
    // So much at least: no more than this can have passed since.
    const byMs = Math.floor(now - last.now - (ownClock() - last.sentAt));
    if (byMs < STEP_MS) return;
    last.now += byMs;
    // What was measured until a moment before is measured from the time that was shown then.
    const steps = this.#steps.get(shard) ?? [];
    steps.push({ at: now, byMs });
    this.#steps.set(shard, steps.slice(-STEPS_KEPT));
    metrics.clockStepped("forward");
    logger.error({ shard, byMs }, `Redis' clock was set forward by ${byMs} ms: ${FORWARD}`);
  }
}

const BACK = "all that waits is scheduled anew, and waits no longer than before";
const FORWARD = "leases, holds and whatever else waits end sooner by as much";
