/** A place in the system that an API or a worker takes; when it dies, a new process takes the same place. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Guard } from "@restart-coordinator/dev-redis";
import type { Link } from "./link.ts";

export interface ReplicaOptions {
  readonly role: "api" | "worker";
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** Of a worker: its way to Redis, and to what it restarts. */
  readonly links?: { readonly redis: Link; readonly ledger: Link };
  readonly guard: Guard;
  /** Every line it logs. */
  readonly onLine: (name: string, line: string) => void;
  /** It ended, and nobody had asked it to. */
  readonly onCrash: (name: string, how: string) => void;
}

const READY = /listening on |takes restarts/;
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 30_000;

export class Replica {
  readonly name: string;
  readonly role: "api" | "worker";
  readonly #options: ReplicaOptions;
  #child: ChildProcess | undefined;
  #url: string | undefined;
  #isReady = false;
  #isClosed = false;

  constructor(options: ReplicaOptions) {
    this.name = options.name;
    this.role = options.role;
    this.#options = options;
  }

  get links(): { readonly redis: Link; readonly ledger: Link } {
    if (this.#options.links === undefined) throw new Error(`${this.name} has no links`);
    return this.#options.links;
  }

  /** Takes work, as far as anybody knows; it may be frozen. */
  get isUp(): boolean {
    return this.#isReady;
  }

  get url(): string | undefined {
    return this.#isReady ? this.#url : undefined;
  }

  /** Resolves once it takes work. */
  async start(): Promise<void> {
    if (this.#isClosed) return;
    const { role, env, guard, onLine, onCrash } = this.#options;
    const script = fileURLToPath(new URL(`../../apps/${role}/dist/main.js`, import.meta.url));
    const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const { pid } = child;
    if (pid === undefined) throw new Error(`${this.name} could not be started`);
    guard.watch(pid);
    this.#child = child;
    child.once("exit", (code, signal) => {
      guard.gone(pid);
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#isReady = false;
      onCrash(this.name, signal ?? `exit code ${code}`);
    });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.name} was not ready in time`)), READY_WITHIN_MS);
      child.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
      const take = (line: string): void => {
        onLine(this.name, line);
        if (this.#isReady || this.#child !== child || !READY.test(line)) return;
        this.#url = /listening on (http:[^\s"]+)/.exec(line)?.[1];
        this.#isReady = true;
        clearTimeout(late);
        resolve();
      };
      for (const output of [child.stdout, child.stderr]) if (output !== null) createInterface(output).on("line", take);
    });
  }

  /** Ends it, stays away for a while, and starts another in its place. */
  async replace(signal: "SIGKILL" | "SIGTERM", awayMs: number): Promise<void> {
    await this.stop(signal);
    await sleep(awayMs);
    await this.start();
  }

  async freeze(forMs: number): Promise<void> {
    const child = this.#child;
    child?.kill("SIGSTOP");
    await sleep(forMs);
    child?.kill("SIGCONT");
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.stop("SIGKILL");
  }

  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#isReady = false;
    if (child === undefined) return;
    const ended = once(child, "exit");
    child.kill(signal);
    child.kill("SIGCONT");
    const late = setTimeout(() => {
      if (signal === "SIGTERM") this.#options.onCrash(this.name, "did not stop when it was told to");
      child.kill("SIGKILL");
    }, STOP_WITHIN_MS);
    await ended;
    clearTimeout(late);
  }
}
