import { spawnSync } from "node:child_process";
import { startContainer, whyNoContainer } from "./container.ts";
import { startLocalServer } from "./local-server.ts";
import type { OwnRedis, OwnRedisOptions, RunningRedis } from "./running-redis.ts";

/**
 * Finds or starts a real Redis: `REDIS_URL`, else a server installed here (`REDIS_SERVER`, `redis-server`,
 * `valkey-server`), else a container (`REDIS_IMAGE`, default redis:7). Never a mock.
 */
export async function startRedis(): Promise<RunningRedis>;
/** The same without `REDIS_URL`: a server of the caller's own. */
export async function startRedis(options: OwnRedisOptions): Promise<OwnRedis>;
export async function startRedis(options?: OwnRedisOptions): Promise<RunningRedis> {
  const url = process.env.REDIS_URL;
  if (!options?.own && url) return { url, source: "REDIS_URL", stop: async () => {} };

  const binary = installedServer();
  if (binary !== undefined) return startLocalServer(binary, options ?? {});

  const obstacle = await whyNoContainer();
  if (obstacle === undefined) return startContainer(options ?? {});
  throw new Error(
    `Expected a Redis to test with, found none: ${options?.own ? "" : "REDIS_URL is not set, "}neither redis-server nor ` +
      `valkey-server is on PATH, ${obstacle}. Install redis-server (Debian: apt-get install redis-server).`,
  );
}

function installedServer(): string | undefined {
  const asked = process.env.REDIS_SERVER;
  if (!asked) return ["redis-server", "valkey-server"].find(runs);
  if (runs(asked)) return asked;
  throw new Error(`REDIS_SERVER: expected a redis-server or valkey-server that can be run, got "${asked}".`);
}

function runs(binary: string): boolean {
  return spawnSync(binary, ["--version"], { stdio: "ignore" }).status === 0;
}
