/**
 * Delivers for one webhook as long as this process has its lease: each stream's events in their order, one at a time.
 * The place in the events moves only after an event was taken, so a process that dies costs a repetition and loses
 * nothing.
 */
import type { Bell } from "@restart-coordinator/service";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { delayAfter } from "./backoff.ts";
import { EventPages, type Item } from "./event-pages.ts";
import type { Standing, WebhookLease } from "./lease.ts";
import { eventNotice, gapNotice } from "./message.ts";
import { type SendOptions, type Sent, send } from "./send.ts";
import { isWanted, type Webhook } from "./webhook.ts";

export interface DeliverySettings extends SendOptions {
  /** The pause after the first failed attempt, ms; it doubles. */
  readonly firstRetryMs: number;
  /** An event that is not taken for this long disables the webhook, ms. */
  readonly giveUpMs: number;
  /** Told of every attempt, for whoever counts. Must not throw. */
  readonly observe?: ((attempt: Attempt) => void) | undefined;
}

/** An attempt at a delivery. */
export interface Attempt {
  readonly outcome: "taken" | "retry" | "disabled";
  readonly tookMs: number;
}

export interface DeliveryParts {
  readonly lease: WebhookLease;
  readonly redis: Redis | Cluster;
  readonly streams: readonly string[];
  /** Rings when there may be something new. */
  readonly news: Bell;
  readonly settings: DeliverySettings;
  /** Between two signs of life, ms. */
  readonly renewMs: number;
  readonly logger: Logger;
  /** Fires when the process is told to stop. */
  readonly stopping: AbortSignal;
}

/** The outcome of a look at the events; "wait" = until the next attempt, "over" = this process delivers no more. */
type Look = "went-on" | "nothing" | "wait" | "over";

/** A delivery is this process serving one webhook. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #readers: readonly EventPages[];
  #webhook: Webhook;
  /** At the event that comes next. */
  #attempts = 0;
  #retryAt = 0;
  #renewAt = 0;

  constructor(parts: DeliveryParts) {
    const { lease, redis, streams } = parts;
    this.#parts = parts;
    this.#webhook = lease.first.webhook;
    this.#take(lease.first);
    const { cursors } = this.#webhook;
    this.#readers = streams.map((key, n) => new EventPages(redis, n, key, cursors[n] ?? "0-0"));
  }

  /** Delivers until the lease is lost, the webhook is disabled or removed, or the process stops. */
  async run(): Promise<void> {
    const { news, lease, stopping } = this.#parts;
    while (!stopping.aborted) {
      const mark = news.mark;
      const look = await this.#round();
      if (look === "over") return;
      if (look === "went-on" && performance.now() < this.#renewAt) continue;
      if (look !== "went-on") await news.since(mark, this.#patience(look));
      if (!(await this.#renew())) return;
    }
    await lease.release();
  }

  async #renew(): Promise<boolean> {
    const kept = await this.#parts.lease.renew();
    if (kept.kind === "kept") this.#take(kept);
    return kept.kind === "kept";
  }

  #take({ webhook, retryInMs }: Standing): void {
    this.#webhook = webhook;
    this.#attempts = webhook.failure?.attempts ?? 0;
    this.#retryAt = performance.now() + retryInMs;
    this.#renewAt = performance.now() + this.#parts.renewMs;
  }

  /** Tells how long until the next sign of life, or the next attempt, ms. */
  #patience(look: Look): number {
    const { renewMs } = this.#parts;
    if (look === "nothing") return renewMs;
    return Math.min(renewMs, Math.max(1, Math.ceil(this.#retryAt - performance.now())));
  }

  /** Takes at most one event of every stream, so that none holds up another. */
  async #round(): Promise<Look> {
    if (performance.now() < this.#retryAt) return "wait";
    let look: Look = "nothing";
    for (const reader of this.#readers) {
      const { pages } = reader;
      const item = await reader.peek();
      if (item === undefined) continue;
      // Asked after the events were read: what happened after a change of the webhook is told as the change says.
      if (reader.pages !== pages && !(await this.#renew())) return "over";
      look = await this.#handle(reader, item);
      if (look !== "went-on" || this.#parts.stopping.aborted) return look;
    }
    return look;
  }

  async #handle(reader: EventPages, item: Item): Promise<Look> {
    const { lease, settings, logger } = this.#parts;
    if (item.kind === "event" && !isWanted(this.#webhook, item.event)) return this.#moveOn(reader, false);
    const startedAt = performance.now();
    const sent = await send(this.#webhook, noticeOf(reader.stream, item), settings);
    const tookMs = performance.now() - startedAt;
    if (sent.kind === "taken") {
      settings.observe?.({ outcome: "taken", tookMs });
      return this.#moveOn(reader, true);
    }
    const failed = await this.#fail(sent);
    if (failed.kind === "lost") return "over";
    settings.observe?.({ outcome: failed.kind, tookMs });
    if (failed.kind === "retry") return "wait";
    logger.warn({ webhookId: lease.id, reason: failed.reason }, "a webhook was disabled");
    return "over";
  }

  async #moveOn(reader: EventPages, delivered: boolean): Promise<Look> {
    const isOurs = await this.#parts.lease.advance(reader.stream, reader.next, { delivered });
    if (!isOurs) return "over";
    reader.drop();
    if (delivered) this.#attempts = 0;
    return "went-on";
  }

  async #fail({ error, isGone, retryAfterMs }: Extract<Sent, { kind: "not-taken" }>) {
    const { lease, settings, logger } = this.#parts;
    this.#attempts += 1;
    const delayMs = delayAfter(this.#attempts, settings.firstRetryMs, retryAfterMs);
    this.#retryAt = performance.now() + delayMs;
    logger.info({ webhookId: lease.id, error, attempts: this.#attempts, delayMs }, "a webhook did not take an event");
    return lease.fail({ error, delayMs, giveUpMs: settings.giveUpMs, isGone });
  }
}

function noticeOf(stream: number, item: Item) {
  return item.kind === "gap" ? gapNotice(stream, item.after, item.oldest) : eventNotice(stream, item.event);
}
