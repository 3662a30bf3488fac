/** Everything that runs: Redis, three APIs, two workers and, started by them, the workspaces' processes. */
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Policy } from "@restart-coordinator/debounce";
import { type Guard, type RunningRedis, startGuard, startRedis } from "@restart-coordinator/dev-redis";
import { VARIABLES } from "@restart-coordinator/service";
import type { AgentRun } from "./agent-record.ts";
import { Child, type LogLine } from "./child.ts";
import { Client } from "./client.ts";
import { Ec2Runtime } from "./ec2-runtime.ts";
import type { InstanceFact } from "./facts.ts";
import { ask } from "./http.ts";
import { ProcessRuntime } from "./process-runtime.ts";
import { assertAnswers, removeKeys } from "./redis-keys.ts";
import type { Runtime } from "./runtime.ts";
import { WorkerLog } from "./worker-log.ts";

const APIS = 3;
const WORKERS = 2;
/** Short, so that the work of a killed worker is soon taken over. */
const LEASE_MS = 2_000;
const SWEEP_MS = 250;
const GRACE_MS = 1_000;
const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 3_000;

const scriptOf = (app: string): string => fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));

/**
 * Ends the workspaces' processes: on record in .control, and told by the directory on their command line. The pause lets a
 * launcher that a worker left become the process it launches.
 */
const END_WORKSPACES = `
[ -z "$pids" ] || sleep 0.3
for record in "$1"/workspaces/.control/*/process; do
  [ -f "$record" ] || continue
  pid=$(sed -n 's/^pid=//p' "$record")
  if tr '\\0' '\\n' <"/proc/$pid/cmdline" | grep -qF "$1"; then kill -s KILL -- "-$pid"; fi
done`;

export interface SystemSettings {
  readonly policy: Policy;
  /** How long a workspace takes to start, ms. */
  readonly startMs: number;
  readonly workspaces: readonly string[];
  readonly provisioner: Runtime["provisioner"];
}

interface Ended {
  readonly child: Child;
  readonly role: "api" | "worker";
  readonly how: string;
  /** How many of its role are left. */
  readonly left: number;
}

export class System extends EventEmitter<{ ended: [Ended] }> {
  readonly apis: Child[] = [];
  readonly workers: Child[] = [];
  readonly workerLog = new WorkerLog();
  readonly token = randomBytes(16).toString("hex");
  redis: RunningRedis | undefined;
  readonly #settings: SystemSettings;
  readonly #prefix = `demo-${randomBytes(6).toString("hex")}`;
  readonly #urls = new Map<string, string>();
  #folder = "";
  #runtime: Runtime | undefined;
  #guard: Guard | undefined;
  #starting: Promise<void> = Promise.resolve();
  #registered = false;
  #stopping = false;

  constructor(settings: SystemSettings) {
    super();
    this.#settings = settings;
  }

  /** Rejects when it could not, or was stopped meanwhile: then `stop` takes away what had been started. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), "restart-demo-"));
    this.#guard = startGuard({ directory: this.#folder, afterwards: END_WORKSPACES });
    writeFileSync(this.#policyFile, JSON.stringify(this.#settings.policy, null, 2));
    const { provisioner, startMs } = this.#settings;
    this.#runtime = new { process: ProcessRuntime, ec2: Ec2Runtime }[provisioner](this.#folder, startMs);
    await this.#runtime.start();
    this.redis = await startRedis();
    await assertAnswers(this.redis.url);
    if (this.#stopping) throw new Error("stopped before it was started");

    for (let n = 1; n <= APIS; n += 1) this.apis.push(this.#launch("api", n));
    for (let n = 1; n <= WORKERS; n += 1) this.workers.push(this.#launch("worker", n));
    await Promise.all([...this.apis, ...this.workers].map(({ ready }) => ready));
    await Promise.all(this.apis.map((api) => this.#untilReady(api)));
    await this.#register();
  }

  /** A client of its own for everyone who counts replicas round robin. */
  client(): Client {
    const living = () =>
      this.apis.filter(({ alive }) => alive).map(({ name }) => ({ name, url: this.urlOf(name) as string }));
    return new Client(living, this.token);
  }

  /** Of an API or a workspace. */
  urlOf(name: string): string | undefined {
    return this.#urls.get(name) ?? this.#runtime?.urlOf(name);
  }

  get canRestart(): boolean {
    return [this.apis, this.workers].every((children) => children.some(({ alive }) => alive));
  }

  kill(name: string): void {
    [...this.apis, ...this.workers].find((child) => child.name === name)?.kill("SIGKILL");
  }

  /** What ran, as it was seen from outside the coordinator. */
  agentRuns(): AgentRun[] {
    return this.#runtime?.runs() ?? [];
  }

  async instances(): Promise<readonly InstanceFact[] | undefined> {
    return this.#runtime?.instances();
  }

  /** What a workspace says it has loaded: SHA-256 by path; undefined when it does not answer. */
  async served(workspace: string): Promise<Record<string, string> | undefined> {
    try {
      const { text } = await ask(this.urlOf(workspace) as string, { method: "GET", timeoutMs: 2_000 });
      const { files } = JSON.parse(text) as { files: Record<string, { sha256: string }> };
      return Object.fromEntries(Object.entries(files).map(([path, { sha256 }]) => [path, sha256]));
    } catch {
      return undefined;
    }
  }

  /** Ends everything and leaves nothing behind, from whatever state; what does not go by itself is killed. */
  async stop({ patienceMs }: { patienceMs: number }): Promise<void> {
    this.#stopping = true;
    if (this.#registered && this.canRestart) await this.#removeWorkspaces(patienceMs).catch(() => {});
    await Promise.all([...this.apis, ...this.workers].map((child) => child.stop(STOP_WITHIN_MS)));
    await this.#starting.catch(() => {});
    if (this.redis !== undefined) await removeKeys(this.redis.url, this.#prefix).catch(() => {});
    await this.redis?.stop();
    await this.#runtime?.stop();
    await this.#guard?.finish();
  }

  #launch(role: "api" | "worker", n: number): Child {
    const name = `${role}-${n}`;
    const child: Child = new Child({
      name,
      script: scriptOf(role),
      env: this.#environment(role),
      onLine: (line) => {
        if (role === "worker") this.workerLog.take(name, line);
        else if (typeof line.url === "string") this.#urls.set(name, line.url);
      },
      isReady: ({ msg = "" }: LogLine) => /^listening on |takes restarts$/.test(msg),
      onEnd: (how) => {
        this.#guard?.gone(child.pid);
        this.workerLog.forget(name);
        const left = (role === "api" ? this.apis : this.workers).filter(({ alive }) => alive).length;
        if (!this.#stopping) this.emit("ended", { child, role, how, left });
      },
    });
    this.#guard?.watch(child.pid);
    return child;
  }

  /** What the shell has set for another installation is not for this one. */
  #environment(role: "api" | "worker"): NodeJS.ProcessEnv {
    const isOurs = (name: string) => VARIABLES.includes(name) || /^(RESTART|SIMULATED)_/.test(name);
    const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
    return {
      ...kept,
      REDIS_URL: this.redis?.url,
      RESTART_PREFIX: this.#prefix,
      RESTART_POLICY_FILE: this.#policyFile,
      RESTART_LEASE_MS: String(LEASE_MS),
      RESTART_SWEEP_MS: String(SWEEP_MS),
      WORKSPACES_DIR: join(this.#folder, "workspaces"),
      LOG_LEVEL: "info",
      ...this.#runtime?.environment,
      PROVISIONER: this.#runtime?.provisioner,
      ...(role === "api"
        ? { PORT: "0", API_TOKENS: `demo:admin:${this.token}` }
        : { SHUTDOWN_GRACE_MS: String(GRACE_MS) }),
    };
  }

  /** An API listens before it has reached Redis: until then it would refuse a write. */
  async #untilReady(api: Child): Promise<void> {
    const until = performance.now() + READY_WITHIN_MS;
    const url = `${this.urlOf(api.name)}/readyz`;
    for (;;) {
      const answer = await ask(url, { method: "GET", timeoutMs: 2_000 }).catch((error: Error) => error.message);
      if (typeof answer !== "string" && answer.status === 200) return;
      if (performance.now() > until || !api.alive) {
        throw new Error(`${api.name} was not ready within ${READY_WITHIN_MS} ms: ${JSON.stringify(answer)}`);
      }
      await sleep(25);
    }
  }

  async #register(): Promise<void> {
    const client = this.client();
    for (const workspace of this.#settings.workspaces) {
      const spec = await this.#runtime?.specOf(workspace);
      this.#registered = true;
      await client.sendJson("PUT", `/workspaces/${workspace}`, { name: workspace, spec });
    }
  }

  /** As a user would: the workers stop the processes and delete the files and keys. */
  async #removeWorkspaces(patienceMs: number): Promise<void> {
    const client = this.client();
    const until = performance.now() + patienceMs;
    const { workspaces } = this.#settings;
    await Promise.all(
      workspaces.map((workspace) => client.send({ method: "DELETE", path: `/workspaces/${workspace}` })),
    );
    for (const workspace of workspaces) {
      const isGone = async () =>
        (await client.send({ method: "GET", path: `/workspaces/${workspace}` })).status === 404;
      while (this.canRestart && performance.now() < until && !(await isGone())) await sleep(50);
    }
  }

  get #policyFile(): string {
    return join(this.#folder, "policy.json");
  }
}
