import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ProcessSpec } from "@restart-coordinator/provisioner-specs";
import { program } from "../../../../tests/setup/programs.ts";
import { ProcessProvisioner } from "../../src/provisioners/process/index.ts";
import type { Cycle, Journal } from "../../src/provisioners/provisioner.ts";
import { type TestCycle, testCycle } from "./test-cycle.ts";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
export const fencedScript = fileURLToPath(new URL("../../process/fenced.sh", import.meta.url));
export const workspaceCommand: [string, ...string[]] = [process.execPath, fixture("workspace-process.mjs")];

export interface DoomedWorkerOptions {
  readonly workspacesDir: string;
  readonly workspaceId: string;
  readonly spec: ProcessSpec;
  readonly cycleId: string;
  readonly fencingToken: number;
  readonly at: string;
  readonly signal: "SIGKILL" | "SIGSTOP";
}

export interface DoomedWorker {
  readonly child: ChildProcess;
  readonly lines: Array<{ journal?: Journal; result?: unknown; error?: string }>;
  /** Resolves once all it printed was read and it is dead. */
  readonly ended: Promise<void>;
}

/** A directory of workspaces of one test, whose every process `close` kills. */
export class Harness {
  static async create(): Promise<Harness> {
    return new Harness(await mkdtemp(join(tmpdir(), "process-provisioner-")));
  }

  readonly workspacesDir: string;
  readonly #started: ChildProcess[] = [];

  constructor(workspacesDir: string) {
    this.workspacesDir = workspacesDir;
  }

  provisioner(defaults: ProcessSpec = {}): ProcessProvisioner {
    return new ProcessProvisioner({
      workspacesDir: this.workspacesDir,
      defaults: { command: workspaceCommand, readiness: { kind: "started", aliveForMs: 0 }, ...defaults },
    });
  }

  /** A cycle of workspace w1, unless told otherwise. */
  cycle(id: string, fencingToken: number, given: Partial<Cycle> = {}): TestCycle {
    return testCycle({ id, fencingToken, ...given });
  }

  control(file: string, workspaceId = "w1"): string {
    return join(this.workspacesDir, ".control", workspaceId, file);
  }

  /** Starts a process of the test itself, which `close` kills with its group. */
  run(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, { detached: true, stdio: ["pipe", "pipe", "inherit"] });
    this.#started.push(child);
    return child;
  }

  /** Runs a cycle of w1 in a worker process of its own. */
  worker(options: Omit<DoomedWorkerOptions, "workspacesDir" | "workspaceId">): DoomedWorker {
    const all: DoomedWorkerOptions = { workspacesDir: this.workspacesDir, workspaceId: "w1", ...options };
    const child = this.run(process.execPath, [
      program("apps/worker/test/provisioners/fixtures/doomed-worker.ts"),
      JSON.stringify(all),
    ]);
    const lines: DoomedWorker["lines"] = [];
    const output = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    output.on("line", (line) => lines.push(JSON.parse(line)));
    const ended = Promise.all([
      new Promise((done) => child.once("exit", done)),
      new Promise((done) => output.once("close", done)),
    ]).then(() => undefined);
    return { child, lines, ended };
  }

  /** The pids of every live process of a workspace, whoever started it: it is in their environment. */
  async live(workspaceId = "w1"): Promise<number[]> {
    const mark = `WORKSPACE_FILES=${join(this.workspacesDir, workspaceId)}`;
    return processesWith((entries) => entries.includes(mark));
  }

  /** How many launches of a workspace live: each is a process group, the launcher and its helpers included. */
  async liveGroups(workspaceId = "w1"): Promise<number> {
    const groups = await Promise.all((await this.live(workspaceId)).map(async (pid) => (await statOf(pid))?.[2]));
    return new Set(groups.filter((group) => group !== undefined)).size;
  }

  async environmentOf(pid: number): Promise<Record<string, string>> {
    const entries = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").filter((entry) => entry !== "");
    return Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  }

  async close(): Promise<void> {
    const mark = `WORKSPACE_FILES=${this.workspacesDir}/`;
    for (const { pid } of this.#started) if (pid !== undefined) kill(-pid);
    await eventually(async () => {
      const left = await processesWith((entries) => entries.some((entry) => entry.startsWith(mark)));
      left.forEach(kill);
      return left.length === 0;
    });
    await rm(this.workspacesDir, { recursive: true, force: true });
  }
}

/** Polls until the answer is neither false nor undefined; throws when that takes longer than 10 s. */
export async function eventually<T>(ask: () => T | Promise<T>): Promise<Exclude<T, false | undefined>> {
  const until = performance.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    if (performance.now() > until) throw new Error(`never happened: ${ask}`);
    await sleep(10);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** One letter, as in /proc/PID/stat, or undefined when there is no such process. */
export async function stateOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.[0];
}

export async function isAlive(pid: unknown): Promise<boolean> {
  return !["Z", "X", undefined].includes(await stateOf(Number(pid)));
}

/** The words of /proc/PID/stat after the name: state, parent, group … */
async function statOf(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

async function processesWith(matches: (environment: string[]) => boolean): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A zombie's environment reads as empty.
      const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return matches(environ.split("\0")) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}
