/** The demo may be given a Redis that others use: it looks whether it answers, and takes its own keys away. */
import { connectRedis, createLogger } from "@restart-coordinator/service";

type Connection = ReturnType<typeof connectRedis>;
const ANSWER_WITHIN_MS = 5_000;

/** @throws Error naming the Redis that does not answer */
export async function assertAnswers(url: string): Promise<void> {
  const redis = connect(url);
  const late = setTimeout(() => redis.disconnect(), ANSWER_WITHIN_MS);
  try {
    await redis.ping();
  } catch (error) {
    const where = url.replace(/\/\/[^@/]*@/, "//");
    throw new Error(`Redis at ${where} did not answer within ${ANSWER_WITHIN_MS} ms: ${(error as Error).message}`);
  } finally {
    clearTimeout(late);
    redis.disconnect();
  }
}

/** Deletes every key that begins with the prefix, as the coordinator and its queue name them. */
export async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = connect(url);
  const late = setTimeout(() => redis.disconnect(), ANSWER_WITHIN_MS);
  try {
    for (const node of "nodes" in redis ? redis.nodes("master") : [redis]) {
      let cursor = "0";
      do {
        const [next, keys] = await node.scan(cursor, "MATCH", `{${prefix}:*`, "COUNT", 500);
        await Promise.all(keys.map((key) => redis.unlink(key)));
        cursor = next;
      } while (cursor !== "0");
    }
  } finally {
    clearTimeout(late);
    redis.disconnect();
  }
}

function connect(url: string): Connection {
  return connectRedis({ REDIS_URL: url }, "wait", createLogger("demo", "silent"));
}
