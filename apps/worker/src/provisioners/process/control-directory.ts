import { type ChildProcess, execFile, spawn } from "node:child_process";
import { open, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ProvisionerError } from "../provisioner.ts";
import type { ProcessRecord } from "./identity.ts";

/** Ships outside src/, because the compiler copies no shell scripts; src/ and dist/ lie equally deep. */
export const fencedScript = fileURLToPath(new URL("../../../process/fenced.sh", import.meta.url));

/** How much of a log goes into an error, in bytes. */
const logTailBytes = 1024;

export interface Launch {
  readonly fencingToken: number;
  readonly cycleId: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Launched {
  readonly record: ProcessRecord;
  /** How it ended ("status 1", "SIGKILL"), once it has. */
  readonly exited: Promise<string>;
}

/**
 * A control directory decides who may act on a workspace's process: `<workspacesDir>/.control/<workspaceId>/`. A
 * workspace id cannot start with a dot, so no workspace's files lie there.
 *
 * Every effect is one run of fenced.sh, which checks the fencing token under a lock: no TypeScript here signals or
 * launches. Methods that take a token throw a retryable ProvisionerError when a higher one was seen.
 */
export class ControlDirectory {
  readonly path: string;
  /** The workspace's own files, the working directory of its process. */
  readonly filesDir: string;
  readonly #workspaceId: string;

  constructor(workspacesDir: string, workspaceId: string) {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(workspaceId)) {
      throw new ProvisionerError(`not a workspace id: ${JSON.stringify(workspaceId)}`, { retryable: false });
    }
    this.path = join(resolve(workspacesDir), ".control", workspaceId);
    this.filesDir = join(resolve(workspacesDir), workspaceId);
    this.#workspaceId = workspaceId;
  }

  get logPath(): string {
    return join(this.path, "log");
  }

  /**
   * Makes this token the only one that may act. What an older one launched is on record by the time this resolves.
   * @throws ProvisionerError when a higher one was seen
   */
  async claim(fencingToken: number, signal: AbortSignal): Promise<void> {
    this.#expect(await this.#run("claim", [String(fencingToken)], signal), "claimed");
  }

  /** Signals the recorded process and its group, never anything else. @throws ProvisionerError to a token of old */
  async signal(fencingToken: number, name: "TERM" | "KILL", signal: AbortSignal): Promise<"signalled" | "gone"> {
    return this.#expect(await this.#run("signal", [String(fencingToken), name], signal), "signalled", "gone");
  }

  /** Removes the record of a process that is gone. @throws ProvisionerError to a token of old */
  async clear(fencingToken: number, signal: AbortSignal): Promise<void> {
    this.#expect(await this.#run("clear", [String(fencingToken)], signal), "cleared");
  }

  /** Tells whether the recorded process, or any of its group, lives. Reads only. */
  async look(): Promise<"running" | "gone" | "elsewhere"> {
    return (await this.#run("look", [])).split(" ")[0] as "running" | "gone" | "elsewhere";
  }

  /** Removes the directory, unless a process is on record and alive: then it resolves to false. */
  async forget(): Promise<boolean> {
    const reply = await this.#run("forget", []);
    if (reply === "running" || reply.startsWith("elsewhere")) return false;
    this.#expect(reply, "forgotten");
    return true;
  }

  /** Reads the record of the last process launched, dead or alive, wherever it was; undefined after a stop. */
  async record(): Promise<ProcessRecord | undefined> {
    const path = join(this.path, "process");
    try {
      const [content, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
      const field = new Map(content.split("\n").map((line) => splitAt(line, line.indexOf("="))));
      const given = (name: string) => field.get(name) ?? "";
      return {
        pid: Number(given("pid")),
        startTicks: given("start"),
        bootId: given("boot"),
        pidNamespace: given("pidns"),
        host: given("host"),
        cycleId: given("cycle"),
        fencingToken: Number(given("token")),
        launchedAt: mtimeMs,
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /**
   * Spawns the launcher and returns at once; `begun` resolves when it has become the command, on record. It is in its
   * own session with no tie to this process: once spawned it goes on by itself, unless a higher token comes first.
   */
  launch(launch: Launch): { readonly begun: Promise<Launched> } {
    if (!/^[\x21-\x7e]+$/.test(launch.cycleId)) {
      throw new ProvisionerError(`not a cycle id: ${JSON.stringify(launch.cycleId)}`, { retryable: false });
    }
    const args = [this.path, String(launch.fencingToken), this.filesDir, launch.cycleId, ...launch.command];
    const child = spawn("sh", [fencedScript, "launch", ...args], {
      cwd: "/",
      env: launch.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.unref();
    return { begun: this.#launched(child, launch.fencingToken) };
  }

  async #launched(
    child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream },
    token: number,
  ) {
    const exited = new Promise<string>((done) => {
      child.once("exit", (code, killedBy) => done(killedBy ?? `status ${code}`));
    });
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    // Both pipes end when the launcher answers, or when it closes them to become the command.
    const [reply, complaint] = await Promise.race([Promise.all([text(child.stdout), text(child.stderr)]), failed]);
    if (reply !== "") this.#expect(reply.trim());
    const record = await this.record();
    if (complaint !== "" || record?.pid !== child.pid || record?.fencingToken !== token) {
      throw this.#error(`the launcher failed: ${complaint.trim() || (await exited)}`);
    }
    return { record, exited };
  }

  /** Reads the end of what the running (or last) process has printed, whole lines where possible. */
  async logTail(): Promise<string> {
    try {
      const file = await open(this.logPath);
      try {
        const { size } = await file.stat();
        const from = Math.max(0, size - logTailBytes);
        const { buffer, bytesRead } = await file.read(Buffer.alloc(logTailBytes), 0, logTailBytes, from);
        const tail = buffer.toString("utf8", 0, bytesRead);
        const firstWhole = from === 0 ? 0 : tail.indexOf("\n", 0) + 1;
        return tail.slice(firstWhole).trim();
      } finally {
        await file.close();
      }
    } catch {
      return "";
    }
  }

  #run(verb: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
    return new Promise((done, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const env = { PATH: process.env.PATH };
      execFile("sh", [fencedScript, verb, this.path, ...args], { cwd: "/", env, signal }, (error, stdout, stderr) => {
        if (signal?.aborted) reject(signal.reason);
        else if (error) reject(this.#error(`fenced.sh ${verb} failed: ${stderr.trim() || error.message}`, error));
        else done(stdout.trim());
      });
    });
  }

  /** Narrows an answer to those the caller can go on with; all others become errors that say what to do. */
  #expect<Expected extends string>(reply: string, ...expected: Expected[]): Expected {
    const [word, detail] = splitAt(reply, reply.indexOf(" "));
    if ((expected as string[]).includes(word)) return word as Expected;
    switch (word) {
      case "superseded":
        throw this.#error(`refused: fencing token ${detail} has been seen since`);
      case "unclaimed":
        throw this.#error("refused: the control directory was removed or its token lost; claim it again");
      case "elsewhere":
        throw this.#error(
          `its process runs on host ${detail}, or in another container: only a worker there can restart or stop it`,
        );
      case "running":
        throw this.#error("a process of it is still running");
      case "busy":
        throw this.#error(`the lock ${join(this.path, "lock")} was held for too long`);
      default:
        throw this.#error(`fenced.sh answered ${JSON.stringify(reply)}`);
    }
  }

  #error(message: string, cause?: unknown): ProvisionerError {
    return new ProvisionerError(`workspace ${this.#workspaceId}: ${message}`, { retryable: true, cause });
  }
}

/**
 * Removes what the process provisioner keeps about a workspace (token, log); call it once a workspace was removed and
 * its last cycle has ended. The workspace's files are not touched. Resolves to false, and removes nothing, while a
 * process of the workspace is alive.
 */
export function removeControlDirectory(workspacesDir: string, workspaceId: string): Promise<boolean> {
  return new ControlDirectory(workspacesDir, workspaceId).forget();
}

function splitAt(line: string, index: number): [string, string] {
  return index < 0 ? [line, ""] : [line.slice(0, index), line.slice(index + 1)];
}
