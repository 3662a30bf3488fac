import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { program } from "../../../tests/setup/programs.ts";
import { startLocalServer } from "../src/local-server.ts";
import type { OwnRedis } from "../src/running-redis.ts";
import type { ServerOptions } from "../src/server-options.ts";
import { connect } from "./support/client.ts";

const binary = [process.env.REDIS_SERVER, "redis-server", "valkey-server"].find(
  (name) => name && spawnSync(name, ["--version"]).status === 0,
);

describe.skipIf(binary === undefined)("a server installed here", () => {
  async function start(options: ServerOptions = {}, pickPort?: () => number): Promise<OwnRedis> {
    const redis = await startLocalServer(binary ?? "", options, pickPort);
    onTestFinished(() => redis.stop());
    return redis;
  }

  test("answers once started; after stop neither the process nor its files are left", async () => {
    const redis = await start();
    const client = connect(redis.url);
    const [, directory = ""] = (await client.config("GET", "dir")) as string[];
    expect(await client.ping()).toBe("PONG");

    const pid = redis.pid ?? 0;
    await redis.stop();
    await redis.stop();

    expect(isAlive(pid)).toBe(false);
    expect(() => readdirSync(directory)).toThrow("ENOENT");
  });

  test("several started at once do not get in each other's way", async () => {
    const servers = await Promise.all([start(), start(), start(), start()]);

    expect(new Set(servers.map(({ url }) => url)).size).toBe(4);
    await Promise.all(servers.map(({ url }) => connect(url).set("mine", url)));
    expect(await Promise.all(servers.map(({ url }) => connect(url).get("mine")))).toEqual(
      servers.map(({ url }) => url),
    );
  });

  test("tries another port when somebody took the first one", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const taken = (other.address() as AddressInfo).port;
    const ports = [taken, taken, 20_000 + (process.pid % 10_000)];

    const redis = await start({}, () => ports.shift() ?? 0);

    expect(redis.url).not.toContain(`:${taken}`);
    expect(await connect(redis.url).ping()).toBe("PONG");
  });

  test("says what the server said when it will not start", async () => {
    await expect(start({ args: ["--maxmemory", "plenty"] })).rejects.toThrow(
      /exit code 1 before it was ready[\s\S]*maxmemory/,
    );
  });

  test("killed and restarted, it has the same port and all it acknowledged under appendfsync always", async () => {
    const redis = await start({ appendOnly: true, appendfsync: "always" });
    const { url } = redis;
    await connect(url).set("kept", "yes");

    await redis.kill();
    expect(redis.pid).toBeUndefined();
    await expect(connect(url).ping()).rejects.toThrow();
    await redis.restart();

    expect(redis.url).toBe(url);
    expect(await connect(url).get("kept")).toBe("yes");
  });

  test("restart also stops a server that still runs", async () => {
    const redis = await start();
    const before = redis.pid;

    await redis.restart();

    expect(redis.pid).not.toBe(before);
    expect(await connect(redis.url).ping()).toBe("PONG");
  });

  test("frozen by SIGSTOP it answers nothing until SIGCONT, and can be restarted and stopped while frozen", async () => {
    const redis = await start();
    const client = connect(redis.url, 100);
    await client.ping();

    await redis.kill("SIGSTOP");
    await expect(client.ping()).rejects.toThrow("timed out");
    await redis.kill("SIGCONT");
    expect(await connect(redis.url).ping()).toBe("PONG");

    await redis.kill("SIGSTOP");
    await redis.restart();
    expect(await connect(redis.url).ping()).toBe("PONG");

    await redis.kill("SIGSTOP");
    await redis.stop();
    expect(redis.pid).toBeUndefined();
  });

  test("passes further options on", async () => {
    const redis = await start({ args: ["--maxmemory", "50mb"] });

    expect(await connect(redis.url).config("GET", "maxmemory")).toEqual(["maxmemory", String(50 * 1024 * 1024)]);
  });

  test("a binary called valkey-server is reported as such", async () => {
    const directory = mkdtempSync(join(tmpdir(), "dev-redis-test-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = spawnSync("sh", ["-c", `command -v ${binary}`], { encoding: "utf8" }).stdout.trim();
    symlinkSync(path, join(directory, "valkey-server"));

    const redis = await startLocalServer(join(directory, "valkey-server"), {});
    onTestFinished(() => redis.stop());

    expect(redis.source).toBe("valkey-server");
  });

  test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "dies with the process that started it, killed by %s",
    async (signal) => {
      const { starter, pid } = await runStarter("start-and-wait.ts");
      expect(isAlive(pid)).toBe(true);

      starter.kill(signal);

      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 });
    },
  );

  test("does not keep a process from exiting that forgot to stop it, and goes with it", async () => {
    const { starter, pid } = await runStarter("start-and-forget.ts");

    if (starter.exitCode === null) await once(starter, "exit");

    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 });
  });
});

async function runStarter(script: string) {
  const main = program(`packages/dev-redis/test/support/${script}`);
  const starter = spawn(process.execPath, [main], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void starter.kill("SIGKILL"));
  const [line] = (await once(createInterface(starter.stdout), "line")) as [string];
  return { starter, pid: (JSON.parse(line) as { pid: number }).pid };
}

/** Waiting to be reaped counts as dead. */
function isAlive(pid: number): boolean {
  return /^[^Z\s]/.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim());
}
