import { spawnSync } from "node:child_process";
import { exitCodeOf, run } from "./child.mjs";
import { pingRedis } from "./redis-ping.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * Makes sure that a real Redis can be had. Starts none: the tests and the demo do that themselves, with packages/dev-redis,
 * which looks in the same order.
 */
export async function ensureRedis() {
  const { REDIS_URL, REDIS_SERVER } = process.env;
  if (REDIS_URL) return pingRedis(REDIS_URL);
  if (REDIS_SERVER) {
    if (succeeds(REDIS_SERVER, "--version")) return;
    throw new SetupError(
      `REDIS_SERVER: expected a redis-server or valkey-server that can be run, got "${REDIS_SERVER}".`,
    );
  }
  if (succeeds("redis-server", "--version") || succeeds("valkey-server", "--version")) return;
  if (succeeds("docker", "info")) return;
  if (process.getuid?.() === 0 && succeeds("apt-get", "--version")) return installDebianPackage();
  throw new SetupError(
    "Expected a Redis to work with, found none: REDIS_URL is not set, neither redis-server nor valkey-server is on PATH, " +
      "and no Docker engine answers.\nInstall one (Debian, Ubuntu: sudo apt-get install redis-server; macOS: brew " +
      "install redis), start Docker, or set REDIS_URL.",
  );
}

async function installDebianPackage() {
  console.log("No Redis and no Docker found; installing Debian's redis-server with apt-get …");
  const options = { quiet: true, env: { DEBIAN_FRONTEND: "noninteractive" } };
  // A list that could not be fetched need not be the one with Redis in it: what counts is whether the install works.
  const update = await run(["apt-get", "update"], options);
  const install = await run(["apt-get", "install", "-y", "--no-install-recommends", "redis-server"], options);
  if (exitCodeOf(install) !== 0) {
    throw new SetupError(
      `${update.output}${install.output}\napt-get could not install redis-server; see above. Install Redis some other ` +
        "way, start Docker, or set REDIS_URL.",
      exitCodeOf(install),
    );
  }
}

function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}
