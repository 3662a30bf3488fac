import type { Observations } from "@restart-coordinator/debounce";
import { BackgroundService, IntervalLoop } from "@restart-coordinator/service";
import type { Logger } from "pino";
import type { Provisioner } from "../provisioners/provisioner.ts";
import type { Lookout } from "./lookout.ts";

export interface ObserveLoopOptions {
  readonly lookout: Lookout;
  readonly observations: Observations;
  readonly provisioner: Provisioner;
  /** Those it looks at. */
  readonly shards: readonly number[];
  /** Between two looks at a workspace, ms; 0 = nobody looks. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** A round is made of so many passes, or of one a second: the looks come evenly, never in a burst. */
const PASSES_A_ROUND = 20;
const LONGEST_PAUSE_MS = 1_000;
const SHORTEST_PAUSE_MS = 20;

/**
 * The loop that looks at workspaces. Every worker does, at those of its shards; whose turn it is, Redis says, so that more
 * workers look no oftener.
 */
export function observeLoop(options: ObserveLoopOptions): BackgroundService {
  const { lookout, observations, provisioner, shards, intervalMs, logger } = options;
  if (intervalMs === 0) return notLooking(options);
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, Math.round(intervalMs / PASSES_A_ROUND)));
  const loop: IntervalLoop = new IntervalLoop({
    name: "the look at the workspaces",
    async pass(stopping) {
      for (const shard of shards) {
        if (stopping.aborted) return;
        await lookout.pass(shard, intervalMs, stopping);
      }
    },
    intervalMs: pauseMs,
    afterwards: () => lookout.idle(),
    logger,
  });
  provisioner.watch?.((workspaceId) => {
    const isMine = shards.includes(observations.shardOf(workspaceId));
    if (isMine && !loop.stopping.aborted) void lookout.lookNow(workspaceId, loop.stopping);
  });
  return loop;
}

/** Whoever reads how workspaces are must know that nobody looks. */
function notLooking({ observations, shards, logger }: ObserveLoopOptions): BackgroundService {
  return new BackgroundService("the word that nobody looks at the workspaces", {
    start: () => {
      void Promise.all(shards.map((shard) => observations.stop(shard))).catch((error: Error) =>
        logger.warn({ err: error }, "it is not known that nobody looks at the workspaces"),
      );
    },
  });
}
