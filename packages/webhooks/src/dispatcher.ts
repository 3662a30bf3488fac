/**
 * Delivers to webhooks from this process. Any number of processes may: each webhook is served by the one that has its
 * lease, and by another once that one is silent for too long. What they must know is in Redis.
 */
import type { Installation } from "@restart-coordinator/debounce";
import { BackgroundService, Bell, IntervalLoop, type Service, StreamFollower } from "@restart-coordinator/service";
import type { Logger } from "pino";
import { Delivery, type DeliverySettings } from "./delivery.ts";
import { createWebhookKeys } from "./keys.ts";
import { type WebhookLease, WebhookLeases } from "./lease.ts";

export interface DispatcherOptions {
  /** The keys of the streams of events: every shard's by its number, then the fleet's. The same at every process. */
  readonly streams: readonly string[];
  /** Who delivers, for people who look. */
  readonly owner: string;
  readonly settings: DeliverySettings;
  readonly logger: Logger;
}

/** A look without a reason, should ever a sign be missed. */
const LONGEST_WAIT_MS = 600_000;
const AFTER_FAILURE_MS = 1_000;
/** On a Cluster nothing can block on streams of several nodes: there deliveries look so often. */
const CLUSTER_LOOK_MS = 1_000;
/** Beyond a delivery's own time, ms. */
const RELEASE_WITHIN_MS = 3_000;

/**
 * A dispatcher delivers, and costs one blocking connection, on which it waits for changes of the registry; while
 * webhooks are registered, it follows the events, too.
 */
export class WebhookDispatcher extends BackgroundService {
  readonly #installation: Installation;
  readonly #options: DispatcherOptions;
  readonly #leases: WebhookLeases;
  /** Rung when something happened, or a webhook was changed. */
  readonly #news = new Bell();
  readonly #claims: IntervalLoop;
  /** Of the registry: a webhook was registered, changed, removed or given up by who delivered. */
  readonly #changes: Service;
  #events: Service | undefined;
  readonly #deliveries = new Map<string, Promise<void>>();

  /** A process may be silent for a lease and a delivery's own time before another takes over. */
  constructor(installation: Installation, options: DispatcherOptions) {
    const { redis, prefix, leaseMs } = installation;
    const { owner, settings, logger } = options;
    const stopWithinMs = settings.timeoutMs + RELEASE_WITHIN_MS;
    super("the webhooks", { stopWithinMs, otherwise: "their leases run out by themselves" });
    this.#installation = installation;
    this.#options = options;
    this.#leases = new WebhookLeases(installation, { owner, leaseMs: leaseMs + settings.timeoutMs });
    this.#claims = new IntervalLoop({
      name: "the look at the webhooks",
      pass: () => this.#claimAll(),
      intervalMs: AFTER_FAILURE_MS,
      stopWithinMs,
      logger,
    });
    const look = (): void => {
      this.#claims.wake();
      this.#news.ring();
    };
    const streams = [createWebhookKeys(prefix).of("changes")];
    this.#changes = new StreamFollower({ name: this.name, redis, streams, onEntry: look, onPlace: look, logger });
  }

  protected override async up(): Promise<void> {
    // Redis may be away: neither waits for it.
    void this.#changes.start();
    await this.#claims.start();
  }

  /** Resolves once deliveries under way have ended and their leases are given up. */
  protected override async down(): Promise<void> {
    this.#news.ring();
    await Promise.all([this.#changes.stop(), this.#claims.stop()]);
    await Promise.all([this.#events?.stop(), ...this.#deliveries.values()]);
  }

  /** Tells how long until a lease of another process may have ended, ms. */
  async #claimAll(): Promise<number> {
    let waitMs = LONGEST_WAIT_MS;
    const ids = await this.#leases.ids();
    await this.#followEvents(ids.length > 0);
    for (const id of ids) {
      if (this.#deliveries.has(id) || this.stopping.aborted) continue;
      const claim = await this.#leases.claim(id);
      if (claim.kind === "claimed") this.#deliver(claim.lease);
      if (claim.kind === "busy") waitMs = Math.min(waitMs, claim.leaseEndsInMs + 1);
    }
    return waitMs;
  }

  /** Without webhooks nobody asks what happens. */
  async #followEvents(isAsked: boolean): Promise<void> {
    if (isAsked && !this.stopping.aborted) {
      this.#events ??= this.#newsOfEvents();
      void this.#events.start();
    } else {
      const events = this.#events;
      this.#events = undefined;
      await events?.stop();
    }
  }

  #newsOfEvents(): Service {
    const { streams, logger } = this.#options;
    const { redis } = this.#installation;
    const ring = (): void => this.#news.ring();
    const pass = async (): Promise<void> => ring();
    return redis.isCluster
      ? new IntervalLoop({ name: "the look at the events", pass, intervalMs: CLUSTER_LOOK_MS, logger })
      : new StreamFollower({ name: this.name, redis, streams, onEntry: ring, onPlace: ring, logger });
  }

  #deliver(lease: WebhookLease): void {
    const { streams, settings, logger } = this.#options;
    const { redis, leaseMs } = this.#installation;
    const parts = { lease, redis, streams, settings, logger, news: this.#news, stopping: this.stopping };
    const delivery = new Delivery({ ...parts, renewMs: leaseMs / 3 })
      .run()
      .catch((error: Error) => {
        // Its lease runs out, and whoever is there goes on.
        logger.warn({ err: { message: error.message }, webhookId: lease.id }, "a webhook's delivery broke off");
      })
      .finally(() => {
        this.#deliveries.delete(lease.id);
        this.#claims.wake();
      });
    this.#deliveries.set(lease.id, delivery);
  }
}
