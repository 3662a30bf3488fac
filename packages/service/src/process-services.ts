/** Both processes have these in their lists of services. */
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { BackgroundService, type Service } from "./lifecycle/service.ts";
import type { LivePolicies } from "./policy-file/index.ts";
import { within } from "./within.ts";

/** What was sent is on its way, whether Redis says goodbye or not. */
const QUIT_WITHIN_MS = 250;

/**
 * Makes a service of the connection to Redis, which opens itself when it is made. The stop closes it, and with it ends
 * whatever still waits for an answer.
 */
export function redisConnection(redis: Redis | Cluster): Service {
  return new BackgroundService("the connection to Redis", {
    stop: async () => {
      await within(QUIT_WITHIN_MS, redis.quit());
      redis.disconnect();
    },
  });
}

export interface PolicyWatchOptions {
  /** Told of every attempt to read a changed file. */
  readonly onReload?: (isLoaded: boolean) => void;
  /** Has what is owed scheduled anew, by the policies that are in force now. */
  readonly policiesChanged?: () => Promise<void>;
}

/** Makes a service of the watch over the policy file. */
export function policyWatch(policies: LivePolicies, logger: Logger, options: PolicyWatchOptions = {}): Service {
  const { onReload, policiesChanged } = options;
  return new BackgroundService("the watch over the policy file", {
    start: () =>
      policies.watch(logger, (isLoaded) => {
        onReload?.(isLoaded);
        if (isLoaded) void policiesChanged?.().catch((error: Error) => logger.warn({ err: error }, NOT_SCHEDULED));
      }),
    stop: () => policies.stop(),
  });
}

const NOT_SCHEDULED = "what is owed could not be scheduled by the new policies: it keeps its times";
