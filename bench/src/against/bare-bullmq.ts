/** What people write without a coordinator: a job per restart, and a processor. */
import { type ConnectionOptions, Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";

export class BareBullmq {
  readonly #queue: Queue;
  readonly #worker: Worker;

  constructor(options: {
    redis: Redis;
    workerRedis: Redis;
    concurrency: number;
    onStart: (workspaceId: string) => void;
  }) {
    this.#queue = new Queue("bare-restarts", { connection: options.redis as ConnectionOptions });
    this.#worker = new Worker("bare-restarts", async ({ data }) => options.onStart(data.workspaceId), {
      connection: options.workerRedis as ConnectionOptions,
      concurrency: options.concurrency,
      autorun: false,
    });
  }

  add(workspaceId: string): Promise<unknown> {
    return this.#queue.add("restart", { workspaceId }, { removeOnComplete: true, removeOnFail: { count: 100 } });
  }

  async start(): Promise<void> {
    void this.#worker.run();
    await this.#worker.waitUntilReady();
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
  }
}
