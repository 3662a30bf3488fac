/** The worker's own loop in this process, with a provisioner that does nothing but tell: cycles that take no time. */
import { Writable } from "node:stream";
import { Cycles, Installation, type Policy, RestartCoordinator } from "@restart-coordinator/debounce";
import { HINT_QUEUE, type HintData, HintQueues, WorkerMetrics } from "@restart-coordinator/service";
import { type ConnectionOptions, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { pino } from "pino";
// By path: an app exports nothing.
import { Drainer } from "../../apps/worker/src/drainer.ts";
import type { Provisioner } from "../../apps/worker/src/provisioners/provisioner.ts";

export interface CoordinatedOptions {
  readonly redis: Redis;
  /** The worker's connection, as in a process of its own. */
  readonly workerRedis: Redis;
  readonly policy: Policy;
  readonly concurrency: number;
  readonly onStart: (workspaceId: string) => void;
  readonly onDrained: (workspaceId: string) => void;
}

/** An API side and a worker, as their processes put them together. */
export class Coordinated {
  readonly coordinator: RestartCoordinator;
  readonly #hints: HintQueues;
  readonly #workerHints: HintQueues;
  readonly #worker: Worker<HintData>;

  constructor(options: CoordinatedOptions) {
    const { redis, workerRedis, policy } = options;
    this.coordinator = new RestartCoordinator(new Installation({ redis, policy }), {
      onDue: (hint) => this.#hints.enqueue(hint),
    });
    this.#hints = new HintQueues(redis, this.coordinator.installation.keys);
    const cycles = new Cycles(new Installation({ redis: workerRedis, policy }), { worker: "bench" });
    this.#workerHints = new HintQueues(workerRedis, cycles.installation.keys);
    const drainer = new Drainer({
      cycles,
      provisioner: instant(options.onStart),
      deadlineMs: 60_000,
      graceMs: 0,
      removeFiles: async () => {},
      wake: (hint) => this.#workerHints.enqueue(hint),
      deleteTraces: async () => {},
      passed: (_workspaceId, from, to) => to - from,
      metrics: new WorkerMetrics(),
      // Every line is written as in a worker process; where to costs nothing.
      logger: pino({ level: "info" }, new Writable({ write: (_line, _encoding, done) => done() })),
    });
    this.#worker = new Worker<HintData>(
      HINT_QUEUE,
      async ({ data: { workspaceId } }) => {
        await drainer.drain(workspaceId);
        options.onDrained(workspaceId);
      },
      {
        connection: workerRedis as ConnectionOptions,
        prefix: cycles.installation.keys.tagOf(0),
        concurrency: options.concurrency,
        autorun: false,
      },
    );
  }

  async start(): Promise<void> {
    void this.#worker.run();
    await this.#worker.waitUntilReady();
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await this.#hints.stop();
    await this.#workerHints.stop();
  }
}

function instant(onStart: (workspaceId: string) => void): Provisioner {
  return {
    name: "instant",
    preflight: async () => ({ ok: true }),
    restart: async ({ workspace }) => {
      onStart(workspace.id);
      return { instance: { id: workspace.id } };
    },
    stop: async () => {},
    status: async () => ({ seen: "online", detail: "it is instant" }),
  };
}
