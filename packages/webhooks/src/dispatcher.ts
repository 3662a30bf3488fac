/**
 * Delivers to webhooks from this process. Any number of processes may: each webhook is served by the one that has its lease,
 * and by another once that one is silent for too long. What they must know is in Redis.
 */
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { Bell } from "./bell.ts";
import { Delivery, type DeliverySettings } from "./delivery.ts";
import { type WebhookLease, WebhookLeases } from "./lease.ts";
import { Watcher } from "./watcher.ts";

export interface DispatcherOptions {
  readonly redis: Redis | Cluster;
  /** Gives a connection of its own that may block. */
  readonly connect: () => Redis | Cluster;
  /** As the coordinator's. */
  readonly prefix: string;
  /** The keys of the streams of events: every shard's by its number, then the fleet's. The same at every process. */
  readonly streams: readonly string[];
  /** Who delivers, for people who look. */
  readonly owner: string;
  /** How long a process may be silent, a delivery's own time left out, before another takes over, ms. */
  readonly leaseMs: number;
  readonly settings: DeliverySettings;
  readonly logger: Logger;
}

/** A look without a reason, should ever a sign be missed. */
const LONGEST_WAIT_MS = 600_000;
const AFTER_FAILURE_MS = 1_000;

export class WebhookDispatcher {
  readonly #options: DispatcherOptions;
  readonly #leases: WebhookLeases;
  readonly #changes = new Bell();
  readonly #news = new Bell();
  readonly #stopping = new AbortController();
  readonly #deliveries = new Map<string, Promise<void>>();
  #watcher: Watcher | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: DispatcherOptions) {
    const { redis, prefix, owner, leaseMs, settings } = options;
    this.#options = options;
    this.#leases = new WebhookLeases({ redis, prefix, owner, leaseMs: leaseMs + settings.timeoutMs });
  }

  start(): void {
    this.#watcher = new Watcher({ ...this.#options, changes: this.#changes, news: this.#news });
    this.#running = Promise.all([this.#watcher.run(), this.#run()]);
  }

  /** Resolves once deliveries under way have ended and their leases are given up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watcher?.stop();
    this.#changes.ring();
    this.#news.ring();
    await this.#running;
    await Promise.all(this.#deliveries.values());
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const mark = this.#changes.mark;
      const waitMs = await this.#claimAll().catch((error: Error) => {
        this.#options.logger.debug({ err: { message: error.message } }, "the webhooks are looked at again");
        return AFTER_FAILURE_MS;
      });
      await this.#changes.since(mark, waitMs);
    }
  }

  /** Until a lease of another process may have ended, ms. */
  async #claimAll(): Promise<number> {
    let waitMs = LONGEST_WAIT_MS;
    for (const id of await this.#leases.ids()) {
      if (this.#deliveries.has(id) || this.#stopping.signal.aborted) continue;
      const claim = await this.#leases.claim(id);
      if (claim.kind === "claimed") this.#deliver(claim.lease);
      if (claim.kind === "busy") waitMs = Math.min(waitMs, claim.leaseEndsInMs + 1);
    }
    return waitMs;
  }

  #deliver(lease: WebhookLease): void {
    const { redis, streams, settings, leaseMs, logger } = this.#options;
    const parts = { lease, redis, streams, settings, logger, news: this.#news, stopping: this.#stopping.signal };
    const delivery = new Delivery({ ...parts, renewMs: leaseMs / 3 })
      .run()
      .catch((error: Error) => {
        // Its lease runs out, and whoever is there goes on.
        logger.warn({ err: { message: error.message }, webhookId: lease.id }, "a webhook's delivery broke off");
      })
      .finally(() => {
        this.#deliveries.delete(lease.id);
        this.#changes.ring();
      });
    this.#deliveries.set(lease.id, delivery);
  }
}
