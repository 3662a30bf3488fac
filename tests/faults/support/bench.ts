/** What one test works with: a prefix of its own, one API side in this process, and the workers' ledger. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Installation,
  POLICIES,
  type Policy,
  type Replication,
  RestartCoordinator,
  type WorkspaceState,
} from "@restart-coordinator/debounce";
import {
  apiEnvironment,
  connectRedis,
  createLogger,
  type HintData,
  HintQueues,
  readEnvironment,
  workerEnvironment,
} from "@restart-coordinator/service";
import type { Job } from "bullmq";
import { type Cluster, Redis } from "ioredis";
import { test as base } from "vitest";
import { startApi } from "../../../apps/api/src/server.ts";
import { type LedgerEntry, RedisLedger } from "../../../apps/worker/src/provisioners/simulated-ledger.ts";
import { startWorker } from "../../../apps/worker/src/worker.ts";
import { ownPrefix, redisUrl } from "../../setup/shared-redis.ts";
import { type Child, startChild } from "./child.ts";
import { eventually } from "./eventually.ts";
import { Line } from "./line.ts";
import { openServer, type Server } from "./local-servers.ts";

type Settings = Readonly<Record<string, string>>;

export interface BenchOptions {
  /** The server that holds the state; the shared one unless told otherwise. */
  readonly url?: string;
  /** One of its own, unless told otherwise. */
  readonly prefix?: string;
  readonly shards?: number;
  /** For the workers as well as the API side. */
  readonly cooldownMs?: number;
  /** The API side acknowledges only what as many replicas have. */
  readonly replication?: Replication;
  /** Leave out what an API process does after a decision: then only the sweep finds the work. */
  readonly hints?: boolean;
}

interface Fixtures {
  readonly useBench: (options?: BenchOptions) => Bench;
  /** A server of the test's own that keeps what it acknowledged, whatever happens to it. */
  readonly useServer: () => Promise<Server>;
  /** A way to a server that can fall silent or break. */
  readonly useLine: (server: { readonly port: number }) => Promise<Line>;
}

/** Tests whose benches and servers are cleared away when they end, concurrent ones included. */
export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest finds out what a fixture needs by its pattern
  useServer: async ({}, use) => {
    const servers: Server[] = [];
    await use(async () => {
      const server = await openServer([], { appendOnly: true });
      servers.push(server);
      return server;
    });
    await Promise.all(servers.map((server) => server.stop()));
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  useLine: async ({}, use) => {
    const lines: Line[] = [];
    await use(async ({ port }) => {
      const line = await Line.to(port);
      lines.push(line);
      return line;
    });
    for (const line of lines) line.close();
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  useBench: async ({}, use) => {
    const benches: Bench[] = [];
    await use((options) => {
      const bench = new Bench(options);
      benches.push(bench);
      return bench;
    });
    await Promise.all(benches.map((bench) => bench.clear()));
  },
});

export class Bench {
  readonly prefix: string;
  readonly redis: Redis | Cluster;
  readonly coordinator: RestartCoordinator;
  readonly hints: HintQueues;
  readonly ledger: RedisLedger;
  readonly #settings: Settings;
  readonly #world: Redis;
  readonly #children: Child[] = [];
  readonly #services: { stop(): Promise<void> }[] = [];

  constructor(options: BenchOptions = {}) {
    const { url = redisUrl(), shards = 1, cooldownMs = 0, replication, hints = true } = options;
    this.prefix = options.prefix ?? ownPrefix();
    // The ledger is the outside world: it stays when the server under test dies.
    const world = new Redis(redisUrl(), { maxRetriesPerRequest: null });
    this.#world = world;
    this.redis = url === redisUrl() ? world : connectRedis({ REDIS_URL: url }, "wait", createLogger("test", "silent"));
    this.ledger = new RedisLedger(world, this.prefix);
    const policy: Policy = { ...POLICIES.default, cooldownMs };
    this.coordinator = new RestartCoordinator(
      new Installation({ redis: this.redis, prefix: this.prefix, shards, policy, ...(replication && { replication }) }),
      { onDue: (hint) => hints && this.hints.enqueue(hint) },
    );
    this.hints = new HintQueues(this.redis, this.coordinator.installation.keys);
    this.redis.on("error", () => {});
    this.#settings = {
      REDIS_URL: url,
      SHARDS: String(shards),
      RESTART_PREFIX: this.prefix,
      RESTART_COOLDOWN_MS: String(cooldownMs),
      RESTART_LEASE_MS: "60000",
      RESTART_SWEEP_MS: "50",
      WORKSPACES_DIR: join(tmpdir(), this.prefix),
      PROVISIONER: "simulated",
      SIMULATED_DURATION_MS: "20",
      SIMULATED_LEDGER: this.prefix,
      SIMULATED_LEDGER_URL: redisUrl(),
    };
  }

  /** Ends the processes and takes away the keys. */
  async clear(): Promise<void> {
    await Promise.all([...this.#children, ...this.#services].map((part) => part.stop()));
    await rm(join(tmpdir(), this.prefix), { recursive: true, force: true });
    await this.hints.stop();
    await this.ledger.clear();
    if (this.redis === this.#world) await deleteAll(this.#world, `{${this.prefix}:*`);
    this.redis.disconnect();
    this.#world.disconnect();
  }

  /** A worker process. It takes hints from the moment it has logged "takes restarts". */
  workerProcess(settings: Settings = {}): Child {
    return this.#started(startChild("worker", { ...this.#settings, ...settings }));
  }

  apiProcess(settings: Settings = {}): Child {
    return this.#started(startChild("api", { ...this.#apiSettings, ...settings }));
  }

  get #apiSettings(): Settings {
    const { PROVISIONER, SIMULATED_DURATION_MS, SIMULATED_LEDGER, SIMULATED_LEDGER_URL, ...shared } = this.#settings;
    return { ...shared, HOST: "127.0.0.1", PORT: "0" };
  }

  /** The same API within this process: quicker to start, and stopped with the test. */
  async api(settings: Settings = {}): Promise<{ readonly url: string; stop(): Promise<void> }> {
    const env = readEnvironment(apiEnvironment, { ...this.#apiSettings, LOG_LEVEL: "silent", ...settings });
    const { service, port } = await startApi(env);
    this.#services.push(service);
    return { url: `http://127.0.0.1:${port}`, stop: () => service.stop() };
  }

  /** The same worker within this process: quicker to start, and stopped with the test. */
  async worker(settings: Settings = {}): Promise<{ stop(): Promise<void> }> {
    const env = readEnvironment(workerEnvironment, { ...this.#settings, LOG_LEVEL: "silent", ...settings });
    const { service } = await startWorker(env);
    this.#services.push(service);
    return service;
  }

  #started(child: Child): Child {
    this.#children.push(child);
    return child;
  }

  async state(workspaceId: string): Promise<WorkspaceState["restart"]> {
    const state = await this.coordinator.workspace(workspaceId);
    if (state === undefined) throw new Error(`workspace ${workspaceId} is not registered`);
    return state.restart;
  }

  /** Resolves once nothing is owed and nothing runs. */
  settled(workspaceId: string, withinMs?: number): Promise<WorkspaceState["restart"]> {
    return eventually(
      `workspace ${workspaceId} is idle and all it was asked for is observed`,
      async () => {
        const restart = await this.state(workspaceId);
        return restart.phase === "idle" && restart.observedGeneration === restart.generation && restart;
      },
      withinMs,
    );
  }

  /** What was done to the workspace, oldest first. */
  async effects(workspaceId: string): Promise<LedgerEntry[]> {
    return (await this.ledger.entries()).filter((entry) => entry.workspaceId === workspaceId);
  }

  /** Resolves once that side effect was made. */
  effect(workspaceId: string, effect: LedgerEntry["effect"]): Promise<LedgerEntry> {
    return eventually(`the side effect "${effect}" on ${workspaceId}`, async () =>
      (await this.effects(workspaceId)).find((entry) => entry.effect === effect),
    );
  }

  /** Resolves once as many hints wait in the queue as were expected. */
  async hinted(count: number): Promise<void> {
    await eventually(`${count} hints in the queue`, async () => {
      const counts = await Promise.all(this.hints.queues.map((queue) => queue.getWaitingCount()));
      return counts.reduce((sum, waiting) => sum + waiting, 0) === count;
    });
  }

  /** Resolves with the hints that wait for their time, once there are as many as expected. */
  delayedHints(count: number, which: (job: Job<HintData>) => boolean = () => true): Promise<Job<HintData>[]> {
    return eventually(`${count} delayed hints`, async () => {
      const jobs = await Promise.all(this.hints.queues.map((queue) => queue.getDelayed()));
      const found = jobs.flat().filter(which);
      return found.length === count && found;
    });
  }

  /** Resolves once no hint is left, waiting, delayed or active. */
  async noHints(): Promise<void> {
    await eventually("no hints are left", async () => {
      const counts = await Promise.all(
        this.hints.queues.map((queue) => queue.getJobCountByTypes("wait", "delayed", "active")),
      );
      return counts.every((count) => count === 0);
    });
  }

  /** Resolves once Redis' clock shows the time, ms. */
  async untilRedisClock(at: number): Promise<void> {
    await eventually(`Redis' clock shows ${at}`, async () => {
      const [seconds, microseconds] = await this.redis.time();
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000 >= at;
    });
  }

  /** How many jobs are kept as failed, over all shards. */
  async failedJobs(): Promise<number> {
    const counts = await Promise.all(this.hints.queues.map((queue) => queue.getFailedCount()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The events of the workspace with that name, oldest first. */
  async events(workspaceId: string, event: string) {
    const activity = await this.coordinator.activity(workspaceId, 200);
    return activity.filter((entry) => entry.event === event).reverse();
  }
}

async function deleteAll(redis: Redis, match: string): Promise<void> {
  for await (const keys of redis.scanStream({ match, count: 1_000 })) {
    if (keys.length > 0) await redis.del(...keys);
  }
}
