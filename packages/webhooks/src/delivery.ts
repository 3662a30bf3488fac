/**
 * Delivers for one webhook as long as this process has its lease: each stream's events in their order, one at a time. The
 * place in the events moves only after an event was taken, so a process that dies costs a repetition and loses nothing.
 *
 * An event that is not taken for long may be at fault itself, or its receiver is away. Only what comes after it can tell:
 * so that is sent, too, and if it is taken the event is set aside. While nothing is taken, all of it waits in its order.
 */
import type { Bell } from "@restart-coordinator/service";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { delayAfter } from "./backoff.ts";
import { EventPages, type Item } from "./event-pages.ts";
import type { Standing, WebhookLease } from "./lease.ts";
import { type SendOptions, type Sent, send } from "./send.ts";
import { entryOf, noticeOf, type SetAsideEntry } from "./set-aside.ts";
import { isWanted, type Webhook } from "./webhook.ts";

export interface DeliverySettings extends SendOptions {
  /** The pause after the first failed attempt, ms; it doubles. */
  readonly firstRetryMs: number;
  /** An event that is not taken for this long is set aside, if another is taken, ms. No pause is longer. */
  readonly setAsideMs: number;
  /** A webhook that takes nothing for this long is disabled, ms. */
  readonly giveUpMs: number;
  /** Told of every attempt, for whoever counts. Must not throw. */
  readonly observe?: ((attempt: Attempt) => void) | undefined;
  /** Told how many events were set aside. Must not throw. */
  readonly onSetAside?: ((count: number) => void) | undefined;
}

/** An attempt at a delivery. */
export interface Attempt {
  readonly outcome: Sent["kind"];
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

type NotTaken = Extract<Sent, { kind: "not-taken" }>;

/** The next event of a stream, and what came of it. */
interface Stuck {
  readonly reader: EventPages;
  readonly item: Item;
  readonly sent: NotTaken;
}

/** So many events after one that is stuck are tried in one go. */
const MOST_TRIED = 10;

/** A delivery is this process serving one webhook. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #readers: readonly EventPages[];
  #webhook: Webhook;
  /** Since something was taken. */
  #attempts = 0;
  #retryAt = 0;
  #renewAt = 0;
  /** By stream: since when its next event is not taken. */
  #stuckSince = new Map<number, number>();

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

  #take({ webhook, retryInMs, stuckForMs }: Standing): void {
    const now = performance.now();
    this.#webhook = webhook;
    this.#attempts = webhook.failure?.attempts ?? 0;
    this.#retryAt = now + retryInMs;
    this.#renewAt = now + this.#parts.renewMs;
    this.#stuckSince = new Map(
      stuckForMs.flatMap((ms, stream): [number, number][] => (ms === undefined ? [] : [[stream, now - ms]])),
    );
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
    let isTakingOthers = false;
    const stuck: Stuck[] = [];
    for (const reader of this.#readers) {
      const { pages } = reader;
      const item = await reader.peek();
      if (item === undefined) continue;
      // Asked after the events were read: what happened after a change of the webhook is told as the change says.
      if (reader.pages !== pages && !(await this.#renew())) return "over";
      const sent = this.#isWanted(item) ? await this.#send(reader, item) : undefined;
      if (sent?.kind === "not-taken") {
        stuck.push({ reader, item, sent });
        if (!this.#isOverdue(reader) || sent.isGone) return this.#fail(stuck, sent);
        if (!(await this.#renew())) return "over";
        continue;
      }
      if (!(await this.#moveOn(reader, sent !== undefined))) return "over";
      isTakingOthers ||= sent !== undefined;
      look = "went-on";
      if (this.#parts.stopping.aborted) break;
    }
    if (stuck.length === 0) return look;
    return isTakingOthers ? this.#setAsideAll(stuck) : this.#tryBeyond(stuck);
  }

  /** The receiver took something of another stream. */
  async #setAsideAll(stuck: readonly Stuck[]): Promise<Look> {
    for (const { reader, item } of stuck) {
      const cursor = reader.next;
      if (!(await this.#setAside(reader, cursor, [item], 0))) return "over";
    }
    return "went-on";
  }

  /** Nothing else is there to tell whether the receiver is well but what comes after the events that are stuck. */
  async #tryBeyond(stuck: readonly Stuck[]): Promise<Look> {
    for (const { reader, item } of stuck) {
      const passed = [item];
      const most = this.#mostTried(reader);
      for await (const next of reader.beyond()) {
        if (next.kind === "gap" || !this.#isWanted(next)) continue;
        if (passed.length > most || this.#parts.stopping.aborted) break;
        const tried = await this.#send(reader, next);
        if (!(await this.#renew())) return "over";
        if (tried.kind === "taken") {
          return (await this.#setAside(reader, next.event.id, passed, 1)) ? "went-on" : "over";
        }
        if (tried.isGone) return this.#fail(stuck, tried);
        passed.push(next);
      }
    }
    return this.#fail(stuck, (stuck[0] as Stuck).sent);
  }

  /**
   * The receiver has just taken another event. Each of these is sent a last time: it may have come back in between. What
   * it does not take now is at fault itself.
   */
  async #setAside(reader: EventPages, cursor: string, items: readonly Item[], delivered: number): Promise<boolean> {
    const { lease, settings, logger } = this.#parts;
    const { stream } = reader;
    const events: SetAsideEntry[] = [];
    for (const item of items) {
      const sent = await this.#send(reader, item);
      if (sent.kind === "not-taken") events.push(entryOf(stream, item, sent.error));
      if (!(await this.#renew())) return false;
    }
    const taken = delivered + items.length - events.length;
    if (!(await lease.setAside({ stream, cursor, events, delivered: taken }))) return false;
    reader.skipTo(cursor);
    this.#movedOn(reader, taken > 0);
    if (events.length === 0) return true;
    logger.warn({ webhookId: lease.id, events }, "a webhook takes other events, but not these: they were set aside");
    settings.onSetAside?.(events.length);
    return true;
  }

  #isWanted(item: Item): boolean {
    return item.kind === "gap" || isWanted(this.#webhook, item.event);
  }

  async #send({ stream }: EventPages, item: Item): Promise<Sent> {
    const { settings } = this.#parts;
    const startedAt = performance.now();
    const sent = await send(this.#webhook, noticeOf(stream, item), settings);
    settings.observe?.({ outcome: sent.kind, tookMs: performance.now() - startedAt });
    return sent;
  }

  async #moveOn(reader: EventPages, delivered: boolean): Promise<boolean> {
    if (!(await this.#parts.lease.advance(reader.stream, reader.next, { delivered }))) return false;
    reader.drop();
    this.#movedOn(reader, delivered);
    return true;
  }

  #movedOn({ stream }: EventPages, delivered: boolean): void {
    this.#stuckSince.delete(stream);
    if (delivered) this.#attempts = 0;
  }

  #isOverdue(reader: EventPages): boolean {
    return this.#mostTried(reader) > 0;
  }

  /** The longer a stream is stuck, the more of what comes after is tried: several in a row may be at fault. */
  #mostTried({ stream }: EventPages): number {
    const since = this.#stuckSince.get(stream);
    if (since === undefined) return 0;
    return Math.min(MOST_TRIED, Math.floor((performance.now() - since) / this.#parts.settings.setAsideMs));
  }

  async #fail(stuck: readonly Stuck[], { error, isGone, retryAfterMs }: NotTaken): Promise<Look> {
    const { lease, settings, logger } = this.#parts;
    const { firstRetryMs: firstMs, setAsideMs, giveUpMs } = settings;
    this.#attempts += 1;
    const pauses = { firstMs, longestMs: Math.max(firstMs, setAsideMs) };
    const delayMs = delayAfter(this.#attempts, pauses, retryAfterMs);
    this.#retryAt = performance.now() + delayMs;
    logger.info({ webhookId: lease.id, error, attempts: this.#attempts, delayMs }, "a webhook did not take an event");
    const streams = stuck.map(({ reader }) => reader.stream);
    const failed = await lease.fail({ streams, error, delayMs, giveUpMs, isGone });
    if (failed.kind === "lost") return "over";
    for (const stream of streams) {
      if (!this.#stuckSince.has(stream)) this.#stuckSince.set(stream, performance.now());
    }
    if (failed.kind === "retry") return "wait";
    logger.warn({ webhookId: lease.id, reason: failed.reason }, "a webhook was disabled");
    return "over";
  }
}
