import type { Cycles, Hint } from "@restart-coordinator/debounce";
import type { Logger } from "pino";

export interface SweeperOptions {
  readonly cycles: Cycles;
  /** Those it looks at. */
  readonly shards: readonly number[];
  /** Between two passes, ms. */
  readonly intervalMs: number;
  readonly wake: (hint: Hint) => Promise<void>;
  /** Gives a hint for what was scheduled anew, because policies were exchanged. */
  readonly moved: (hint: Hint) => Promise<void>;
  /** Told at the end of every pass. */
  readonly onPass?: (() => void) | undefined;
  /** Told of every hint that was given. */
  readonly onHinted: () => void;
  readonly logger: Logger;
}

/** What was hinted and not begun within this many passes is hinted again. */
const PASSES_UNTIL_HINTED_AGAIN = 5;

/** Processes that look at one file have read it within so long. */
const POLICIES_SETTLE_MS = 2_000;

/**
 * Finds work that no hint led to: a hint was lost, a worker died, a process stopped between a trigger and its hint.
 * Every worker sweeps; two at once do no harm. It also moves what is owed when policies were exchanged.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#pass = this.#sweep().finally(() => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => this.start(), this.#options.intervalMs);
    });
  }

  /** Resolves once no pass is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#pass;
  }

  async #sweep(): Promise<void> {
    const { cycles, shards, intervalMs, wake, moved, onHinted, logger } = this.#options;
    try {
      for (const shard of shards) {
        if (this.#stopped) return;
        for await (const hint of cycles.reschedule(shard, POLICIES_SETTLE_MS)) {
          if (this.#stopped) return;
          await moved(hint);
        }
        for await (const { id, dueAt, hintId } of cycles.sweep(shard, intervalMs * PASSES_UNTIL_HINTED_AGAIN)) {
          if (this.#stopped) return;
          await wake({ workspaceId: id, dueAt, delayMs: 0, hintId });
          onHinted();
        }
      }
    } catch (error) {
      logger.warn({ err: error }, "the sweep failed; the next pass tries again");
    }
    this.#options.onPass?.();
  }
}
