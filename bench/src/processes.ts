/** Processes under measurement: ours, and the bare ones beside them. They end with this one, however it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
// By path: nobody outside of tests and measurements needs a guarded process.
import { startGuard } from "../../packages/dev-redis/src/guard.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = {
  api: "apps/api/src/main.ts",
  worker: "apps/worker/src/main.ts",
  "bare-express": "bench/src/against/bare-express.ts",
} as const;
const READY = /"msg":"(listening on (?<url>[^"]+)|worker [^"]* takes restarts)/;

export interface Process {
  readonly pid: number;
  /** Where it listens; empty for a worker. */
  readonly url: string;
  /** Resident memory, MiB. */
  residentMiB(): number;
  /** CPU time spent so far, ms. */
  cpuMs(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves once it takes work. Its log goes to a file, line by line, whoever writes it. */
export async function startProcess(
  program: keyof typeof MAIN,
  env: Readonly<Record<string, string>>,
): Promise<Process> {
  const args = ["--conditions=@restart-coordinator/source", "--import", "tsx", MAIN[program]];
  const directory = mkdtempSync(join(tmpdir(), "bench-"));
  const logFile = join(directory, "log");
  const output = openSync(logFile, "w");
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: "production", ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const guard = startGuard({ directory });
  guard.watch(child.pid);
  const url = await readyUrl(child, logFile);
  return {
    pid: child.pid as number,
    url,
    residentMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1_024,
    cpuMs: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      // utime and stime, in ticks of 10 ms.
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    stop: async (signal = "SIGKILL") => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill(signal);
        await ended;
      }
      guard.gone(child.pid);
      await guard.finish();
    },
  };
}

async function readyUrl(child: ChildProcess, logFile: string): Promise<string> {
  for (;;) {
    const log = readFileSync(logFile, "utf8");
    const ready = READY.exec(log);
    if (ready !== null) return ready.groups?.url ?? "";
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended before it was ready:\n${log}`);
    await sleep(20);
  }
}
