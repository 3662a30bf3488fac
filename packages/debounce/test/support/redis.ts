/** A test file's own corner of the shared Redis: connections, a key prefix, and nothing of either left at the end. */
import { Redis } from "ioredis";
import { afterAll } from "vitest";
import { ownPrefix, redisUrl } from "../../../../tests/setup/shared-redis.ts";
import { createKeySpace, type KeySpace } from "../../src/keys.ts";

export interface TestRedis {
  readonly redis: Redis;
  readonly prefix: string;
  readonly keys: KeySpace;
  /** A further connection, as another replica has one. */
  connect(): Redis;
  /** Every key of this file's prefix, sorted. */
  allKeys(): Promise<string[]>;
}

/** Call it once per test file, outside of any test. */
export function useRedis({ shards = 1 }: { shards?: number } = {}): TestRedis {
  const prefix = ownPrefix();
  const connections: Redis[] = [];
  const connect = (): Redis => {
    const connection = new Redis(redisUrl());
    connections.push(connection);
    return connection;
  };
  const redis = connect();
  const allKeys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const batch of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) found.push(...batch);
    return [...new Set(found)].sort();
  };
  afterAll(async () => {
    const own = await allKeys();
    if (own.length > 0) await redis.del(...own);
    await Promise.all(connections.filter(({ status }) => status !== "end").map((connection) => connection.quit()));
  });
  return { redis, prefix, keys: createKeySpace(prefix, shards), connect, allKeys };
}
