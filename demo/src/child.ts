/** One of the system's processes, an API or a worker, as the demo sees it: a pid and the lines it logs. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

/** A line of the log; the fields are those the apps document. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface ChildOptions {
  readonly name: string;
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine: (line: LogLine) => void;
  /** Not called before it was ready: then `ready` rejects. */
  readonly onEnd: (how: string) => void;
  /** Told by the log line that says it is ready. */
  readonly isReady: (line: LogLine) => boolean;
}

const READY_WITHIN_MS = 30_000;
const LINES_IN_AN_ERROR = 6;

export class Child {
  readonly name: string;
  /** Resolves once it takes work. @throws Error with the last lines it printed */
  readonly ready: Promise<void>;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #alive = true;

  constructor(options: ChildOptions) {
    const { name, script, env } = options;
    if (!existsSync(script)) throw new Error(`${script} is not there: run "npm run build" first`);
    this.name = name;
    // In a session of its own: on Ctrl-C the demo still needs it, to take the workspaces down.
    this.#process = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const lastLines: string[] = [];
    let isReady = false;
    const { promise, resolve, reject } = withResolvers();
    this.ready = promise;
    // Whoever waits hears of it; that nobody waits any more is no error.
    promise.catch(() => {});
    const slow = setTimeout(
      () => reject(failure(name, `was not ready within ${READY_WITHIN_MS} ms`, lastLines)),
      READY_WITHIN_MS,
    );

    const take = (text: string): void => {
      lastLines.push(text);
      if (lastLines.length > LINES_IN_AN_ERROR) lastLines.shift();
      const line = parse(text);
      options.onLine(line);
      if (isReady || !options.isReady(line)) return;
      isReady = true;
      clearTimeout(slow);
      resolve();
    };
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null) createInterface(stream).on("line", take);
    }
    this.#ended = new Promise((ended) => {
      // "error" comes instead when it could not even be started.
      const end = (how: string): void => {
        if (!this.#alive) return;
        this.#alive = false;
        clearTimeout(slow);
        if (isReady) options.onEnd(how);
        else reject(failure(name, how, lastLines));
        ended();
      };
      this.#process.once("error", (error) => end(`could not be started: ${error.message}`));
      this.#process.once("exit", (code, signal) =>
        end(signal === null ? `ended with code ${code}` : `was killed (${signal})`),
      );
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get alive(): boolean {
    return this.#alive;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** SIGTERM, and SIGKILL when it takes longer. */
  async stop(withinMs: number): Promise<void> {
    if (!this.#alive) return;
    this.kill("SIGTERM");
    const late = setTimeout(() => this.kill("SIGKILL"), withinMs);
    await this.#ended;
    clearTimeout(late);
  }
}

function failure(name: string, how: string, lastLines: readonly string[]): Error {
  return new Error([`${name} ${how}. Its last lines:`, ...lastLines].join("\n  "));
}

function parse(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as LogLine;
  } catch {
    // Not every line is a log line.
  }
  return { msg: text };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
