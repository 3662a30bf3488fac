/**
 * Tells when there may be something to do. One blocking connection per process waits for changes of the registry and, while
 * webhooks are registered, for events. On a Cluster nothing can block on streams of several nodes: there it rings every
 * second.
 */
import type { Cluster, Redis } from "ioredis";
import type { Bell } from "./bell.ts";
import { createWebhookKeys } from "./keys.ts";

export interface WatcherOptions {
  /** Gives a connection of its own, which waits for Redis to come back. */
  readonly connect: () => Redis | Cluster;
  readonly prefix: string;
  readonly streams: readonly string[];
  /** Rung when a webhook was registered, changed, removed or given up by who delivered. */
  readonly changes: Bell;
  /** Rung for that, and when something happened. */
  readonly news: Bell;
}

/** A connection that is silent for longer than this and some counts as lost. */
const BLOCK_MS = 5_000;
const CLUSTER_BLOCK_MS = 1_000;
const PER_READ = 100;
const AFTER_FAILURE_MS = 500;

export class Watcher {
  readonly #options: WatcherOptions;
  readonly #connection: Redis | Cluster;
  readonly #registry: string;
  readonly #changes: string;
  readonly #events: readonly string[];
  /** By stream: the last entry that was seen. */
  readonly #seen = new Map<string, string>();
  #stopped = false;

  constructor(options: WatcherOptions) {
    const { prefix, streams } = options;
    const own = createWebhookKeys(prefix);
    this.#options = options;
    this.#registry = own.of("webhooks");
    this.#changes = own.of("changes");
    this.#events = streams;
    this.#connection = options.connect();
    // The process' own connection reports that Redis is away.
    this.#connection.on("error", () => {});
  }

  /** Until it is stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#wait();
      } catch {
        if (this.#stopped) return;
        await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
        this.#seen.clear();
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#connection.disconnect();
  }

  async #wait(): Promise<void> {
    const { changes, news } = this.#options;
    // Asked after the place in the changes is known: who registers one in between is heard below.
    await this.#locate(this.#changes);
    const isBusy = (await this.#connection.scard(this.#registry)) > 0;
    const canBlock = !this.#connection.isCluster;
    if (isBusy && canBlock) for (const stream of this.#events) await this.#locate(stream);
    if (!isBusy) for (const stream of this.#events) this.#seen.delete(stream);

    const names = [...this.#seen.keys()];
    const ids = [...this.#seen.values()];
    const blockMs = isBusy && !canBlock ? CLUSTER_BLOCK_MS : BLOCK_MS;
    const streams = await this.#connection.xread("COUNT", PER_READ, "BLOCK", blockMs, "STREAMS", ...names, ...ids);
    for (const [name, entries] of streams ?? []) {
      this.#seen.set(name, entries.at(-1)?.[0] ?? "0-0");
      if (name === this.#changes) changes.ring();
    }
    if (streams !== null || (isBusy && !canBlock)) news.ring();
  }

  /** From here on nothing is missed; what came before is to be looked for. */
  async #locate(stream: string): Promise<void> {
    if (this.#seen.has(stream)) return;
    const [last] = await this.#connection.xrevrange(stream, "+", "-", "COUNT", 1);
    this.#seen.set(stream, last?.[0] ?? "0-0");
    if (stream === this.#changes) this.#options.changes.ring();
    this.#options.news.ring();
  }
}
