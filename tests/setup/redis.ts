import type { TestProject } from "vitest/node";
// By path: vitest loads global setup without the condition that finds our packages' sources.
import { startRedis } from "../../packages/dev-redis/src/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** One Redis for the whole run. See `shared-redis.ts` for what tests need of it. */
export default async function startSharedRedis(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startRedis();
  project.provide("redisUrl", redis.url);
  return () => redis.stop();
}
