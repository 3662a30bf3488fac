import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentRun, readRuns } from "./agent-record.ts";
import { freePort } from "./free-port.ts";
import type { Runtime } from "./runtime.ts";

const AGENT = fileURLToPath(new URL("./agent.js", import.meta.url));
const AGENT_STOP_MS = 5_000;
const AGENT_START_MS = 20_000;

/** Each workspace is a process of this machine, an agent that keeps a record of itself. */
export class ProcessRuntime implements Runtime {
  readonly provisioner = "process";
  readonly environment = {};
  readonly #recordFolder: string;
  readonly #startMs: number;
  readonly #urls = new Map<string, string>();
  readonly #ports = new Set<number>();

  constructor(folder: string, startMs: number) {
    this.#recordFolder = join(folder, "record");
    this.#startMs = Math.round(startMs);
  }

  async start(): Promise<void> {
    mkdirSync(this.#recordFolder);
  }

  async specOf(workspace: string): Promise<Record<string, unknown>> {
    const port = await freePort(this.#ports);
    this.#ports.add(port);
    const url = `http://127.0.0.1:${port}/`;
    this.#urls.set(workspace, url);
    return {
      // The guard knows the process by the folder on its command line.
      command: [process.execPath, AGENT, this.#recordFolder],
      env: { AGENT_PORT: String(port), AGENT_START_MS: String(this.#startMs) },
      readiness: { kind: "url", url },
      stopTimeoutMs: AGENT_STOP_MS,
      startTimeoutMs: this.#startMs + AGENT_START_MS,
    };
  }

  urlOf(workspace: string): string | undefined {
    return this.#urls.get(workspace);
  }

  runs(): AgentRun[] {
    return [...this.#urls.keys()].flatMap((workspace) => readRuns(this.#recordFolder, workspace));
  }

  async instances(): Promise<undefined> {}

  async stop(): Promise<void> {}
}
