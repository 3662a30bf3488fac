/** What the log tells of a Redis that takes no writes, without anybody asking. */
import { createKeySpace } from "@restart-coordinator/debounce";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { connectRedis, RedisWatch } from "../src/index.ts";

let server: OwnRedis;
let admin: Redis;

beforeEach(async () => {
  server = await startRedis({ own: true });
  admin = new Redis(server.url).on("error", () => {});
});
afterEach(async () => {
  admin.disconnect();
  await server.stop();
});

async function watch() {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const redis = connectRedis({ REDIS_URL: server.url }, "fail-fast", logger);
  const redisWatch = new RedisWatch({ redis, keys: createKeySpace("rc", 3), logger });
  const looking = redisWatch.looking({ intervalMs: 10 });
  await looking.start();
  onTestFinished(async () => {
    await looking.stop();
    redis.disconnect();
  });
  await vi.waitFor(async () => expect(await redisWatch.condition()).toBeUndefined(), { interval: 5 });
  const told = () => lines.map(({ msg }) => msg);
  return { redisWatch, lines, until: (messages: string[]) => vi.waitFor(() => expect(told()).toEqual(messages)) };
}

test("one line when it begins, with what to do about it, and one when it is over", async () => {
  const { lines, until } = await watch();
  await admin.config("SET", "maxmemory", "1");
  const full = "Redis has reached its maxmemory and takes no writes";
  await until([full]);
  expect(lines[0]).toMatchObject({ level: 50, condition: "out-of-memory", remedy: expect.stringMatching(/maxmemory/) });
  await admin.config("SET", "maxmemory", "0");
  await until([full, "Redis takes writes again"]);
});

test("a Redis that goes away and comes back is told of once", async () => {
  const { redisWatch, until } = await watch();
  await server.kill();
  await vi.waitFor(async () => expect(await redisWatch.condition()).toBe("away"), { interval: 5 });
  await until(["Redis is away"]);
  await server.restart();
  await vi.waitFor(async () => expect(await redisWatch.condition()).toBeUndefined(), { interval: 5, timeout: 10_000 });
  await until(["Redis is away", "Redis is back"]);
});

test("asking leaves nothing in Redis", async () => {
  const { redisWatch } = await watch();
  expect(await redisWatch.condition()).toBeUndefined();
  expect(await admin.dbsize()).toBe(0);
});
