import { setTimeout as sleep } from "node:timers/promises";
import type { Cycles } from "@restart-coordinator/debounce";
import type { Draining } from "./draining.ts";
import type { Log } from "./log.ts";

export interface LookLoopParts {
  readonly cycles: Cycles;
  readonly draining: Draining;
  /** As many workspaces are under way at a time. */
  readonly concurrency: number;
  /** From the end of a look to the next one, ms. */
  readonly everyMs: number;
  readonly log: Log;
}

/** Processes that were given other policies at the same time have them after so long. */
const POLICIES_SETTLE_MS = 2_000;

/**
 * The look loop finds what is due and has no live worker, again and again: new work, what may be tried again, what a dead
 * worker left. It is all that a worker needs; a hint only brings it there sooner.
 */
export class LookLoop {
  readonly #parts: LookLoopParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor(parts: LookLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Begins nothing when there is no room, or when it is due later: a look will find it. */
  wake({ workspaceId, delayMs = 0 }: { readonly workspaceId: string; readonly delayMs?: number }): void {
    const { draining, concurrency } = this.#parts;
    if (delayMs <= 0 && draining.size < concurrency) draining.begin(workspaceId);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look().then(
        () => this.#tell(undefined),
        (error: unknown) => this.#tell(error),
      );
      await sleep(this.#parts.everyMs, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { cycles } = this.#parts;
    for (let shard = 0; shard < cycles.installation.keys.shards; shard += 1) {
      for await (const { workspaceId, delayMs } of cycles.reschedule(shard, POLICIES_SETTLE_MS)) {
        if (delayMs <= 0) await this.#beginWithRoom(workspaceId);
      }
      // Every worker is told of everything that is due; whoever comes first has the lease.
      for await (const { id } of cycles.sweep(shard, 0)) await this.#beginWithRoom(id);
      if (this.#stopping.signal.aborted) return;
    }
  }

  async #beginWithRoom(workspaceId: string): Promise<void> {
    const { draining, concurrency } = this.#parts;
    while (draining.size >= concurrency && !this.#stopping.signal.aborted) await draining.oneEnded();
    draining.begin(workspaceId);
  }

  /** Tells when Redis goes away and when it is back, not at every look. */
  #tell(error: unknown): void {
    const { log } = this.#parts;
    if (error !== undefined && !this.#isAway) log.warn({ err: error }, "the look for work failed; it is tried again");
    if (error === undefined && this.#isAway) log.info({}, "looks for work again");
    this.#isAway = error !== undefined;
  }
}
