/** The worker's own loop in this process, with a provisioner that does nothing but tell: cycles that take no time. */
import { setMaxListeners } from "node:events";
import { Writable } from "node:stream";
import { Cycles, Installation, type Policy, RestartCoordinator } from "@restart-coordinator/debounce";
import { HINT_QUEUE, type HintData, HintQueues, WorkerMetrics } from "@restart-coordinator/service";
import { type ConnectionOptions, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { pino } from "pino";
// By path: an app exports nothing.
import { drain } from "../../apps/worker/src/drain.ts";
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
    const { signal: handover } = new AbortController();
    setMaxListeners(0, handover);
    const parts = {
      cycles,
      provisioner: instant(options.onStart),
      attempt: { deadlineMs: 60_000, handover, removeFiles: async () => {} },
      wake: (hint: Parameters<HintQueues["enqueue"]>[0]) => this.#workerHints.enqueue(hint),
      deleteTraces: async () => {},
      metrics: new WorkerMetrics(),
      closing: new AbortController().signal,
      // Every line is written as in a worker process; where to costs nothing.
      logger: pino({ level: "info" }, new Writable({ write: (_line, _encoding, done) => done() })),
    };
    this.#worker = new Worker<HintData>(
      HINT_QUEUE,
      async ({ data: { workspaceId } }) => {
        await drain(workspaceId, parts, () => {});
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
    await this.#hints.close();
    await this.#workerHints.close();
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
    status: async () => "online",
  };
}
