/** The built demo, from outside: real processes, killed in the middle. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { connectRedis, createLogger } from "@restart-coordinator/service";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { redisUrl } from "../../tests/setup/shared-redis.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TIMEOUT_MS = 60_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "demo-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function start(...args: string[]) {
  const child = spawn(process.execPath, ["demo/dist/main.js", ...args], {
    cwd: ROOT,
    env: { ...process.env, REDIS_URL: redisUrl(), TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  const ended = (async () => {
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    return { stdout, stderr, code: code as number };
  })();
  const hasSaid = async (words: string): Promise<void> => {
    while (!stdout.includes(words) && child.exitCode === null) await Promise.race([once(child.stdout, "data"), ended]);
  };
  return { child, ended, hasSaid };
}

/** The processes with the run's own directory on their command line or in their environment: all that it starts. */
async function processesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const commandLine = await read("cmdline");
    if (`${commandLine}${await read("environ")}`.includes(folder)) found.push(commandLine.replaceAll("\0", " "));
  }
  return found;
}

async function expectNothingLeft(): Promise<void> {
  expect(await processesIn(folder)).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
  const redis = connectRedis({ REDIS_URL: redisUrl() }, "wait", createLogger("test", "silent"));
  expect(await redis.keys("{demo-*")).toEqual([]);
  redis.disconnect();
}

describe("the demo", () => {
  it(
    "keeps every promise while an API and the worker that runs the cycle are killed, and leaves nothing behind",
    async () => {
      const { code, stdout, stderr } = await start("--kill", "--json", "--speed", "12").ended;
      const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
      expect(summary, stderr).toMatchObject({
        ...{ profile: "default", speed: 12, trace: "canvas-save", writes: 20, failedWrites: 0 },
        ...{ uncovered: 0, overlaps: 0, servesLastContent: true, ok: true, brokenPromises: [] },
      });
      expect(summary.retriedWrites).toBeGreaterThanOrEqual(1);
      expect(summary.killed.map((name: string) => name.split("-")[0]).sort()).toEqual(["api", "worker"]);
      expect(summary.cycles.some(({ attempts }: { attempts: number }) => attempts > 1)).toBe(true);
      expect(code).toBe(0);
      await expectNothingLeft();
    },
    TIMEOUT_MS,
  );

  it("replaces an EC2 instance, too, while an API and the worker are killed", {
    timeout: TIMEOUT_MS,
  }, async (context) => {
    const { code, stdout, stderr } = await start("--provisioner", "ec2", "--kill", "--json", "--speed", "12").ended;
    const isAbsent = code === 3 && stderr.includes("there is no moto");
    context.skip(isAbsent && process.env.REQUIRE_MOTO !== "1", stderr);
    const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    expect(summary, stderr).toMatchObject({ ok: true, uncovered: 0, servesLastContent: true, brokenPromises: [] });
    expect(summary.killed).toHaveLength(2);
    const [last, ...earlier] = summary.instances.toReversed();
    expect(last).toMatchObject({ workspace: "seo-agent", isLive: true });
    expect(earlier.length).toBeGreaterThanOrEqual(1);
    for (const { isLive } of earlier) expect(isLive).toBe(false);
    await expectNothingLeft();
  });

  it(
    "leaves nothing behind when it is interrupted in the middle of a cycle",
    async () => {
      const { child, ended, hasSaid } = start("--speed", "12");
      await hasSaid("cycle 1 begins");
      child.kill("SIGINT");
      const { code } = await ended;
      expect(code).toBe(130);
      await expectNothingLeft();
    },
    TIMEOUT_MS,
  );

  it(
    "leaves nothing behind when it is killed itself",
    async () => {
      const { child, ended, hasSaid } = start("--speed", "12");
      await hasSaid("cycle 1 begins");
      expect(await processesIn(folder)).not.toEqual([]);
      child.kill("SIGKILL");
      await ended;
      await expect.poll(() => processesIn(folder), { timeout: 5_000 }).toEqual([]);
      await expect.poll(() => readdir(folder), { timeout: 5_000 }).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it("tells wrong usage with code 2, and starts nothing", async () => {
    const { code, stderr } = await start("--profil", "seed").ended;
    expect(stderr).toContain("unknown option --profil: did you mean --profile?");
    expect(code).toBe(2);
  });
});
