import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { program } from "../../../tests/setup/programs.ts";
import { NoMotoError, startMoto } from "../src/index.ts";

const isInstalled = spawnSync("sh", ["-c", "command -v moto_server"]).status === 0;

describe.skipIf(!isInstalled)("moto_server of this machine", () => {
  test("answers once started, and is gone after stop", async () => {
    const moto = await startMoto();
    expect((await fetch(`${moto.endpoint}/moto-api/`)).status).toBe(200);
    await moto.stop();
    await moto.stop();
    expect(isAlive(moto.pid as number)).toBe(false);
    await expect(fetch(moto.endpoint)).rejects.toThrow();
  });

  test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "dies with the process that started it, killed by %s",
    async (signal) => {
      const main = program("packages/dev-moto/test/support/start-and-wait.ts");
      const starter = spawn(process.execPath, [main], { stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void starter.kill("SIGKILL"));
      const [line] = (await once(createInterface(starter.stdout), "line")) as [string];
      const { pid, endpoint } = JSON.parse(line) as { pid: number; endpoint: string };
      expect(isAlive(pid)).toBe(true);

      starter.kill(signal);

      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 });
      await expect(fetch(endpoint)).rejects.toThrow();
    },
  );
});

test("where it is not to be had, one line says why and how to get it", async () => {
  const path = mkdtempSync(join(tmpdir(), "no-moto-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  // The guard's.
  symlinkSync(spawnSync("sh", ["-c", "command -v sh"], { encoding: "utf8" }).stdout.trim(), join(path, "sh"));
  vi.stubEnv("PATH", path);
  vi.stubEnv("MOTO_IMAGE", "127.0.0.1:1/no/such/image:1");
  onTestFinished(() => void vi.unstubAllEnvs());

  const error = await startMoto().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(NoMotoError);
  expect((error as Error).message).toMatch(
    /^there is no moto: moto_server is not on PATH, (no Docker engine answers|image .* cannot be pulled.*)\. To get it: pip install 'moto\[server\]'$/,
  );
});

/** Waiting to be reaped counts as dead. */
function isAlive(pid: number): boolean {
  return /^[^Z\s]/.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim());
}
