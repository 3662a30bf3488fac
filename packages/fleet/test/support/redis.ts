/** A test file's own corner of the shared Redis; nothing of it is left at the end. */
import { Redis } from "ioredis";
import { afterAll } from "vitest";
import { ownPrefix, redisUrl } from "../../../../tests/setup/shared-redis.ts";

/** Call it once per test file, outside of any test. */
export function useRedis(): { redis: Redis; prefix: string } {
  const redis = new Redis(redisUrl());
  const prefix = ownPrefix();
  afterAll(async () => {
    for await (const keys of redis.scanStream({ match: `{${prefix}*`, count: 1_000 })) {
      if (keys.length > 0) await redis.del(...(keys as string[]));
    }
    await redis.quit();
  });
  return { redis, prefix };
}
