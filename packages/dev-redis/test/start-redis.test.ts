import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { startRedis } from "../src/index.ts";
import { connect } from "./support/client.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("REDIS_URL is used as it is, and stop leaves it alone", async () => {
  const somebodys = await startRedis({ own: true });
  onTestFinished(() => somebodys.stop());
  vi.stubEnv("REDIS_URL", somebodys.url);

  const redis = await startRedis();
  await redis.stop();

  expect(redis).toMatchObject({ url: somebodys.url, source: "REDIS_URL" });
  expect(await connect(somebodys.url).ping()).toBe("PONG");
});

test("a caller who wants its own server gets one although REDIS_URL is set", async () => {
  vi.stubEnv("REDIS_URL", "redis://127.0.0.1:1");

  const redis = await startRedis({ own: true });
  onTestFinished(() => redis.stop());

  expect(redis.source).not.toBe("REDIS_URL");
  expect(await connect(redis.url).ping()).toBe("PONG");
});

test("a REDIS_SERVER that cannot be run is an error that names it", async () => {
  vi.stubEnv("REDIS_SERVER", "no-such-server");

  await expect(startRedis({ own: true })).rejects.toThrow(
    'REDIS_SERVER: expected a redis-server or valkey-server that can be run, got "no-such-server"',
  );
});

test("where nothing can be had the error says what was looked for and what to install", async () => {
  vi.stubEnv("REDIS_URL", "");
  vi.stubEnv("REDIS_SERVER", "");
  vi.stubEnv("PATH", "/nonexistent");
  vi.stubEnv("REDIS_IMAGE", "nowhere.invalid/redis:7");

  await expect(startRedis()).rejects.toThrow(
    /REDIS_URL is not set, neither redis-server nor valkey-server is on PATH, .*Install redis-server/,
  );
});
