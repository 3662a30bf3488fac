import type { RolloutDriver, RolloutObserver } from "@restart-coordinator/fleet";
import { IntervalLoop } from "@restart-coordinator/service";
import type { Logger } from "pino";

export interface RolloutLoopOptions {
  readonly driver: RolloutDriver;
  /** Between two passes, ms. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/**
 * The loop that advances rollouts. Every worker tries; the one that has a rollout's lease does. While there is none a pass is
 * one command that reads an empty set: so a rollout goes on wherever the process died that drove it, whoever heard of it.
 */
export function rolloutLoop({ driver, intervalMs, logger }: RolloutLoopOptions): IntervalLoop {
  return new IntervalLoop({
    name: "the look at the rollouts",
    pass: (stopping) => driver.pass(stopping),
    intervalMs,
    // Others may go on at once. What cannot be left now is free once its lease has run out.
    afterwards: () => driver.leave().catch(() => {}),
    logger,
  });
}

/** Logs one line per decision and one per member that ended, with the fields of the other lines about a workspace. */
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
