import type { Cycles, Hint } from "@restart-coordinator/debounce";
import { IntervalLoop } from "@restart-coordinator/service";
import type { Logger } from "pino";

export interface SweepOptions {
  readonly cycles: Cycles;
  /** Those it looks at. */
  readonly shards: readonly number[];
  /** Between two passes, ms. */
  readonly intervalMs: number;
  /** Sees to it that somebody looks at a workspace, and tells whether nobody would have. */
  readonly wake: (hint: Hint) => Promise<boolean>;
  /** Gives a hint for what was scheduled anew, because policies were exchanged. */
  readonly moved: (hint: Hint) => Promise<unknown>;
  /** Opens the queue of hints where somebody paused it, and tells by what it was closed. */
  readonly openQueue: (shard: number) => Promise<readonly string[]>;
  /** Told of a queue that was closed. */
  readonly onClosed: () => void;
  /** Told at the end of every pass. */
  readonly onPass: () => void;
  /** Told of every hint that was given. */
  readonly onHinted: () => void;
  readonly logger: Logger;
}

/** What was hinted and not begun within this many passes is hinted again, unless that hint still waits. */
const PASSES_UNTIL_HINTED_AGAIN = 5;

/** Processes that look at one file have read it within so long. */
const POLICIES_SETTLE_MS = 2_000;

/**
 * The sweep finds work that no hint led to: a hint was lost, a worker died, a process stopped between a trigger and its
 * hint. Every worker sweeps; two at once do no harm. It also moves what is owed when policies were exchanged, and opens the
 * queue of hints when somebody closed it from outside.
 */
export function sweepLoop(options: SweepOptions): IntervalLoop {
  const { intervalMs, onPass, logger } = options;
  const pass = (stopping: AbortSignal) => sweep(options, stopping).finally(onPass);
  return new IntervalLoop({ name: "the sweep", pass, intervalMs, logger });
}

async function sweep(options: SweepOptions, stopping: AbortSignal): Promise<void> {
  const { cycles, shards, intervalMs, wake, moved, onHinted } = options;
  for (const shard of shards) {
    if (stopping.aborted) return;
    await open(options, shard);
    for await (const hint of cycles.reschedule(shard, POLICIES_SETTLE_MS)) {
      if (stopping.aborted) return;
      await moved(hint);
    }
    for await (const { id, dueAt, hintId } of cycles.sweep(shard, intervalMs * PASSES_UNTIL_HINTED_AGAIN)) {
      if (stopping.aborted) return;
      if (await wake({ workspaceId: id, dueAt, delayMs: 0, hintId })) onHinted();
    }
  }
}

async function open({ openQueue, onClosed, logger }: SweepOptions, shard: number): Promise<void> {
  const closedBy = await openQueue(shard);
  if (closedBy.length === 0) return;
  onClosed();
  logger.warn(
    { shard, closedBy },
    `the queue of hints was closed by ${closedBy.join(" and ")}: it is open again; ${INSTEAD}`,
  );
}

const INSTEAD = "hold or pause workspaces, or set RESTART_MAX_RUNNING, to keep restarts from beginning";
