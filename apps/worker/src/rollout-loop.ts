import type { RolloutDriver, RolloutObserver } from "@restart-coordinator/fleet";
import type { Logger } from "pino";

export interface RolloutLoopOptions {
  readonly driver: RolloutDriver;
  /** Between two passes, ms. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/**
 * Advances rollouts. Every worker tries; the one that has a rollout's lease does. While there is none a pass is one command
 * that reads an empty set: so a rollout goes on wherever the process died that drove it, whoever heard of it.
 */
export class RolloutLoop {
  readonly #options: RolloutLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RolloutLoopOptions) {
    this.#options = options;
  }

  start(): void {
    const { driver, intervalMs, logger } = this.#options;
    this.#pass = driver
      .pass()
      .catch((error: unknown) => {
        if (!this.#stopped) logger.warn({ err: error }, "a rollout could not go on; the next pass tries again");
      })
      .finally(() => {
        if (!this.#stopped) this.#timer = setTimeout(() => this.start(), intervalMs);
      });
  }

  /** Resolves once no pass is under way and others may go on at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#options.driver.stop();
    await this.#pass;
    // What cannot be left now is free once its lease has run out.
    await this.#options.driver.leave().catch(() => {});
  }
}

/** One line per decision and one per member that ended, with the fields of the other lines about a workspace. */
export function rolloutLog(logger: Logger): RolloutObserver {
  return {
    decided({ id: rolloutId, actor, reason }, { window: _, ...told }) {
      logger.info({ rolloutId, ...told, actor, reason }, `restart ${told.decision} (${told.rule})`);
    },
    settled({ id: rolloutId }, workspaceId, { status, rule, error, cycleId }) {
      const level = status === "failed" ? "warn" : "info";
      logger[level]({ rolloutId, workspaceId, status, rule, error, cycleId }, `rollout ${rolloutId}: ${status}`);
    },
  };
}
