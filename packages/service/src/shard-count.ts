import { setTimeout as sleep } from "node:timers/promises";
import { claimShardCount, type KeySpace } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { ConfigurationError } from "./configuration-error.ts";

const ANSWER_WITHIN_MS = 1_000;

/**
 * Refuses a SHARDS that is not the installation's. When Redis is away at the start, the process goes on and asks again
 * once Redis is there; it then ends if it may not run.
 *
 * @throws ConfigurationError
 */
export async function assertShardCount(redis: Redis | Cluster, keys: KeySpace, logger: Logger): Promise<void> {
  const asserted = assertOnceThere(redis, keys);
  const inTime = await Promise.race([asserted.then(() => true), sleep(ANSWER_WITHIN_MS, false, { ref: false })]);
  if (inTime) return;
  asserted.catch((error: Error) => {
    logger.fatal(error.message);
    process.exit(1);
  });
}

async function assertOnceThere(redis: Redis | Cluster, keys: KeySpace): Promise<void> {
  for (;;) {
    const recorded = await claimShardCount(redis, keys).catch(() => undefined);
    if (recorded === keys.shards) return;
    if (recorded !== undefined) {
      throw new ConfigurationError([
        `SHARDS is ${keys.shards}, but this installation has ${recorded}: most workspaces would not be found. ` +
          `Set SHARDS=${recorded}; docs/scale.md says how to move to another number`,
      ]);
    }
    await new Promise((resolve) => redis.once("ready", resolve));
  }
}
