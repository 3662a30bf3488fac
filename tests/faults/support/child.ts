/** Our own processes, known by their id. They end with us, even frozen ones. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startGuard } from "@restart-coordinator/dev-redis";
import { program } from "../../setup/programs.ts";
import { eventually } from "./eventually.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const FAULT_POINT = "tests/faults/support/fault-point.ts";
const MAIN = { worker: "apps/worker/src/main.ts", api: "apps/api/src/main.ts" };

export interface Child {
  readonly pid: number;
  /** How it ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** What it logged so far. */
  readonly log: readonly LogLine[];
  /** Resolves with the first line, logged already or yet to come, whose message matches. */
  logged(message: RegExp): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the system says that it stands still (SIGSTOP). */
  frozen(): Promise<void>;
  /** Kills it, if it still runs. */
  stop(): Promise<void>;
}

export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Starts the worker or the API; `env` is all of ours it sees. Resolves at once. */
export function startChild(app: keyof typeof MAIN, env: Readonly<Record<string, string>>): Child {
  const child = spawn(process.execPath, commandLine(MAIN[app], env), {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const guard = startGuard({ directory: mkdtempSync(join(tmpdir(), "fault-")) });
  guard.watch(child.pid);
  const log: LogLine[] = [];
  const complaints: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => log.push(JSON.parse(line) as LogLine));
  createInterface({ input: child.stderr }).on("line", (line) => complaints.push(line));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => {
      guard.gone(child.pid);
      void guard.finish().then(() => resolve(signal ?? code ?? -1));
    });
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const assertRuns = () => {
    if (hasEnded()) throw new Error(`the ${app} ended:\n${tail(log, complaints)}`);
  };
  return {
    pid: child.pid as number,
    ended,
    log,
    logged: (message) =>
      eventually(`the ${app} logs ${message}`, () => {
        const line = log.find(({ msg }) => message.test(msg));
        if (line === undefined) assertRuns();
        return line;
      }),
    kill: (signal) => void child.kill(signal),
    frozen: () =>
      eventually(`the ${app} stands still`, async () => {
        assertRuns();
        return (await stateOf(child)).startsWith("T");
      }).then(() => {}),
    stop: async () => {
      if (!hasEnded()) child.kill("SIGKILL");
      await ended;
    },
  };
}

function commandLine(main: string, env: Readonly<Record<string, string>>): string[] {
  // Tracing wraps what a process loads from node_modules: nothing of that is left in a bundle.
  const isTraced = env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  if (isTraced) return ["--conditions=@restart-coordinator/source", "--import", "tsx", main];
  const fault = env.FAULT_AT === undefined ? [] : ["--import", program(FAULT_POINT)];
  return [...fault, program(main)];
}

function tail(log: readonly LogLine[], complaints: readonly string[]): string {
  return [...log.slice(-10).map((line) => JSON.stringify(line)), ...complaints.slice(-10)].join("\n");
}

async function stateOf(child: ChildProcess): Promise<string> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "stat=", "-p", String(child.pid)]);
  return stdout.trim();
}
