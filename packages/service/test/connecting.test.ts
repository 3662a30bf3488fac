import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectRedis, type Patience } from "../src/index.ts";

/** A Redis of this file's own, since it is killed and frozen. */
let server: OwnRedis;
beforeAll(async () => {
  server = await startRedis({ own: true });
});
afterAll(() => server.stop());
beforeEach(async () => {
  await server.kill("SIGCONT");
  if (server.pid === undefined) await server.restart();
});

/** A connection, and the messages it logs. */
function connect(patience: Patience) {
  const messages: string[] = [];
  const logger = pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) });
  const redis = connectRedis({ REDIS_URL: server.url }, patience, logger);
  onTestFinished(() => redis.disconnect());
  return {
    redis,
    messages,
    ready: () => vi.waitFor(() => expect(redis.status).toBe("ready"), { interval: 5, timeout: 10_000 }),
  };
}

const AT_ONCE_MS = 500;
/** 800 ms by the clock of the connection, and some for a busy machine. */
const SOON_MS = 2_000;

async function timed(call: Promise<unknown>): Promise<{ ms: number; error: unknown }> {
  const start = performance.now();
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { ms: performance.now() - start, error };
}

describe("fail-fast", () => {
  test("a command fails at once while there is no connection", async () => {
    const { redis, ready } = connect("fail-fast");
    await ready();
    await server.kill();
    await vi.waitFor(() => expect(redis.status).not.toBe("ready"), { interval: 5, timeout: 10_000 });
    const { ms, error } = await timed(redis.ping());
    expect(error).toBeInstanceOf(Error);
    expect(ms).toBeLessThan(AT_ONCE_MS);
  });

  test("a command that is not answered fails soon", async () => {
    const { redis, ready } = connect("fail-fast");
    await ready();
    await server.kill("SIGSTOP");
    const { ms, error } = await timed(redis.ping());
    expect(error).toMatchObject({ message: "Command timed out" });
    expect(ms).toBeLessThan(SOON_MS);
  });

  test("it works again once the server is back", async () => {
    const { redis, ready } = connect("fail-fast");
    await ready();
    await server.kill();
    await server.restart();
    await vi.waitFor(async () => expect(await redis.ping()).toBe("PONG"), { timeout: 10_000, interval: 10 });
  });
});

describe("wait", () => {
  test("a command waits for the server to come back", async () => {
    const { redis, ready } = connect("wait");
    await ready();
    await server.kill();
    await vi.waitFor(() => expect(redis.status).not.toBe("ready"), { interval: 5, timeout: 10_000 });
    const answer = redis.ping();
    await server.restart();
    expect(await answer).toBe("PONG");
  });

  test("a server that is not there yet is waited for", async () => {
    await server.kill();
    const { redis } = connect("wait");
    const answer = redis.ping();
    await server.restart();
    expect(await answer).toBe("PONG");
  });
});

test("the log has one line when Redis goes away and one when it is back, however many attempts there were", async () => {
  await server.kill();
  const { redis, messages } = connect("fail-fast");
  let attempts = 0;
  redis.on("reconnecting", () => {
    attempts += 1;
  });
  await vi.waitFor(() => expect(attempts).toBeGreaterThan(2), { interval: 10, timeout: 10_000 });
  expect(messages).toEqual(["Redis is away"]);
  await server.restart();
  await vi.waitFor(() => expect(messages).toEqual(["Redis is away", "Redis is back"]), {
    interval: 10,
    timeout: 10_000,
  });
});
