/** BullMQ's own deduplication, each mode as its documentation shows it. */
import { type ConnectionOptions, type DeduplicationOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";

const WINDOW_MS = 600_000;

export const DEDUPLICATION = {
  throttle: (id: string) => ({ deduplication: { id, ttl: WINDOW_MS } }),
  debounce: (id: string) => ({
    deduplication: { id, ttl: WINDOW_MS, extend: true, replace: true },
    delay: WINDOW_MS,
  }),
  keepLastIfActive: (id: string) => ({ deduplication: { id, keepLastIfActive: true } }),
} as const satisfies Record<string, (id: string) => { deduplication: DeduplicationOptions; delay?: number }>;

export class DeduplicatingQueue {
  readonly #queue: Queue;
  readonly #mode: keyof typeof DEDUPLICATION;

  constructor(redis: Redis, mode: keyof typeof DEDUPLICATION) {
    this.#mode = mode;
    this.#queue = new Queue(`restarts-${mode}`, { connection: redis as ConnectionOptions });
  }

  add(workspaceId: string, why: Readonly<Record<string, string>>): Promise<unknown> {
    return this.#queue.add("restart", { workspaceId, ...why }, DEDUPLICATION[this.#mode](workspaceId));
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}
