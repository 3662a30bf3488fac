import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Moto, startMoto } from "@restart-coordinator/dev-moto";
import { type AgentRun, instanceOf } from "./agent-record.ts";
import type { InstanceFact } from "./facts.ts";
import { hashesOf, loadFiles } from "./loaded-files.ts";
import { motoInstances } from "./moto-instances.ts";
import type { Runtime } from "./runtime.ts";

/** One of those that moto brings along. */
const IMAGE = "ami-12c6146b";
const BOOT_SLACK_MS = 60_000;

/**
 * Each workspace is an instance of moto's, destroyed and created again (strategy `recreate`). Moto runs nothing: what the
 * instances would, this process does for them. The first request to one boots it: it reads the workspace's files, takes its
 * time, and then answers with the cycle id that moto has in its tags.
 */
export class Ec2Runtime implements Runtime {
  readonly provisioner = "ec2";
  readonly #folder: string;
  readonly #startMs: number;
  readonly #owner = `demo-${randomBytes(4).toString("hex")}`;
  readonly #runs = new Map<string, Promise<AgentRun | undefined>>();
  readonly #booted: AgentRun[] = [];
  #moto: Moto | undefined;
  #server: Server | undefined;

  constructor(folder: string, startMs: number) {
    this.#folder = folder;
    this.#startMs = startMs;
  }

  async start(): Promise<void> {
    this.#moto = await startMoto();
    this.#server = createServer((request, response) => void this.#answer(request.url ?? "/", response));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get environment(): NodeJS.ProcessEnv {
    return {
      EC2_OWNER: this.#owner,
      EC2_ENDPOINT: this.#moto?.endpoint,
      // Whoever runs the demo may have an account of their own: it is none of its business.
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "demo",
      AWS_SECRET_ACCESS_KEY: "demo",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
      // The SDK tells each process that a newer Node will be needed one day.
      NODE_NO_WARNINGS: "1",
    };
  }

  async specOf(): Promise<Record<string, unknown>> {
    return {
      strategy: "recreate",
      imageId: IMAGE,
      instanceTypes: ["t3.micro"],
      userData: "#!/bin/sh\nexec agent --workspace {workspaceId} --cycle {cycleId}\n",
      readiness: { kind: "url", url: `${this.#url}/boot/{instanceId}` },
      deadlines: { readyMs: Math.round(this.#startMs) + BOOT_SLACK_MS },
    };
  }

  urlOf(workspace: string): string {
    return `${this.#url}/${workspace}`;
  }

  runs(): AgentRun[] {
    return [...this.#booted];
  }

  async instances(): Promise<readonly InstanceFact[]> {
    return motoInstances(this.#endpoint, this.#owner);
  }

  async stop(): Promise<void> {
    this.#server?.close();
    this.#server?.closeAllConnections();
    await this.#moto?.stop();
  }

  get #endpoint(): string {
    return this.#moto?.endpoint ?? "";
  }

  get #url(): string {
    const { port } = (this.#server as Server).address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** `/boot/<instance>` is its readiness; `/<workspace>` is what its live instance has loaded. */
  async #answer(path: string, response: ServerResponse): Promise<void> {
    const [, first = "", id = ""] = path.split("/");
    try {
      const run = first === "boot" ? await this.#boot(id) : await this.#serving(first);
      if (run?.readyAt === undefined || run.readyAt > Date.now()) {
        response.writeHead(503).end("not there, or still booting\n");
        return;
      }
      const { workspace, runner, cycleId, files } = run;
      const shown = Object.fromEntries(Object.entries(files).map(([file, sha256]) => [file, { sha256 }]));
      response.setHeader("content-type", "application/json");
      response.end(`${JSON.stringify({ workspace, runner, cycleId, files: shown }, null, 2)}\n`);
    } catch (error) {
      response.writeHead(502).end(`${(error as Error).message}\n`);
    }
  }

  /** The one instance of the workspace that lives, by what moto says. */
  async #serving(workspace: string): Promise<AgentRun | undefined> {
    const live = (await this.instances()).filter((each) => each.workspace === workspace && each.isLive);
    return live.length === 1 ? this.#boot(live[0]?.id as string) : undefined;
  }

  #boot(id: string): Promise<AgentRun | undefined> {
    const known = this.#runs.get(id) ?? this.#bootOnce(id);
    this.#runs.set(id, known);
    return known;
  }

  async #bootOnce(id: string): Promise<AgentRun | undefined> {
    const startedAt = Date.now();
    const all = await motoInstances(this.#endpoint, this.#owner);
    const own = all.find((each) => each.id === id && each.isLive);
    if (own === undefined) return undefined;
    const { workspace, cycleId } = own;
    const others = all.filter((each) => each.workspace === workspace && each.isLive && each.id !== id);
    const run: AgentRun = {
      ...{ workspace, runner: instanceOf(id), cycleId, startedAt },
      aliveAtStart: others.map((other) => instanceOf(other.id)),
      files: hashesOf(loadFiles(join(this.#folder, "workspaces", workspace))),
      loadedAt: Date.now(),
      readyAt: startedAt + this.#startMs,
      exitedAt: undefined,
    };
    this.#booted.push(run);
    return run;
  }
}
