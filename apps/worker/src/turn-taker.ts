import type { Turns } from "@restart-coordinator/fleet";
import { BackgroundService } from "@restart-coordinator/service";
import type { Logger } from "pino";

export interface TurnTakerOptions {
  readonly turns: Turns;
  /** Cycles this worker runs at a time. */
  readonly concurrency: number;
  readonly tenantOf: (workspaceId: string) => Promise<string>;
  /** Drains one workspace. */
  readonly run: (workspaceId: string) => Promise<void>;
  /** How long what was begun may take to end at the stop, ms. */
  readonly stopWithinMs: number;
  readonly logger: Logger;
}

/**
 * The taker of turns. With a cap on running cycles a hint only queues its workspace up; this takes turns for the worker, as
 * many at a time as the worker may run. Whoever ends a cycle takes the next turn, so nobody need ask while the cap is
 * reached. A permit that a dead worker left, and a turn that came up while all who heard of it were busy, are found with
 * the next sweep. Once stopped it takes no further turn, and the cycles under way have ended.
 */
export class TurnTaker extends BackgroundService {
  readonly #options: TurnTakerOptions;
  readonly #runners = new Set<Promise<void>>();
  /** Somebody should have looked, but no runner was free to. */
  #missed = false;

  constructor(options: TurnTakerOptions) {
    super("the turns under way", {
      stopWithinMs: options.stopWithinMs,
      otherwise: "their permits run out by themselves",
    });
    this.#options = options;
  }

  /** Queues a workspace up, and tells whether it was not. @throws CoordinatorUnavailableError when Redis does not take it */
  async enter(workspaceId: string): Promise<boolean> {
    const { turns, tenantOf } = this.#options;
    if (await turns.isWaiting(workspaceId)) return false;
    await turns.enter({ workspaceId, tenant: await tenantOf(workspaceId) });
    this.look();
    return true;
  }

  /** Takes turns while there are any and this worker has room. */
  look(): void {
    if (this.stopping.aborted) return;
    if (this.#runners.size >= this.#options.concurrency) {
      this.#missed = true;
      return;
    }
    const runner = this.#takeTurns().finally(() => {
      this.#runners.delete(runner);
      if (!this.#missed) return;
      this.#missed = false;
      this.look();
    });
    this.#runners.add(runner);
  }

  protected override async down(): Promise<void> {
    await Promise.all(this.#runners);
  }

  async #takeTurns(): Promise<void> {
    const { turns, run, logger } = this.#options;
    try {
      while (!this.stopping.aborted) {
        const taken = await turns.take();
        if (taken.kind !== "granted") return;
        // Others may be next, too.
        this.look();
        try {
          await run(taken.workspaceId);
        } finally {
          await taken.permit.giveBack();
        }
      }
    } catch (error) {
      logger.error({ err: error }, "a turn failed; the sweep finds what it was for");
    }
  }
}
