/** The list of webhooks, for the API: what operators register, and how each one fares. */
import { randomBytes } from "node:crypto";
import { fromRedis } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import { createWebhookKeys, type WebhookKeys } from "./keys.ts";
import { bindWebhookScripts, fieldsOf, type RunWebhookScript } from "./scripts.ts";
import { type SendOptions, type Sent, send } from "./send.ts";
import { noticeBehind, type SetAside, type SetAsideEntry } from "./set-aside.ts";
import { readWebhook, type Webhook, type WebhookEntry } from "./webhook.ts";

export interface WebhookRegistryOptions {
  readonly redis: Redis | Cluster;
  /** As the coordinator's. */
  readonly prefix: string;
  /** The keys of the streams of events: every shard's by its number, then the fleet's. The same at every process. */
  readonly streams: readonly string[];
}

export interface WebhookChange extends WebhookEntry {
  /** `whsec_` and base64; undefined = keep it, or make one up for a new webhook. */
  readonly secret?: string | undefined;
  /** For how long the secret that is replaced signs beside the new one, ms; 0 = no longer. Default 24 h. */
  readonly secretOverlapMs?: number | undefined;
  readonly enabled: boolean;
}

const SECRET_OVERLAP_MS = 86_400_000;

export type PutResult =
  | { readonly kind: "created"; readonly secret: string }
  | { readonly kind: "updated" }
  | { readonly kind: "too-many" };

/** Each reads the events for itself. */
export const MOST_WEBHOOKS = 100;

export class WebhookRegistry {
  readonly #options: WebhookRegistryOptions;
  readonly #keys: WebhookKeys;
  readonly #script: RunWebhookScript;

  constructor(options: WebhookRegistryOptions) {
    this.#options = options;
    this.#keys = createWebhookKeys(options.prefix);
    this.#script = bindWebhookScripts(options.redis);
  }

  /** A new webhook hears of what happens from now on; a changed one goes on where it stands. */
  async put(id: string, change: WebhookChange): Promise<PutResult> {
    const { secret, events, workspaces, url, format, enabled, secretOverlapMs = SECRET_OVERLAP_MS } = change;
    return this.#ask(async () => {
      const [kind, made] = await this.#script("register", (role) => this.#keys.of(role, id), {
        id,
        url,
        events: events === undefined ? "" : JSON.stringify(events),
        workspaces: workspaces === undefined ? "" : JSON.stringify(workspaces),
        format,
        secret: secret ?? "",
        newSecret: `whsec_${randomBytes(32).toString("base64")}`,
        overlapMs: secretOverlapMs,
        enabled: String(enabled),
        cursors: JSON.stringify(await this.#ends()),
        most: MOST_WEBHOOKS,
        now: "",
      });
      return kind === "created" ? { kind, secret: String(made) } : { kind: kind as "updated" | "too-many" };
    });
  }

  async get(id: string): Promise<Webhook | undefined> {
    return this.#ask(async (redis) => readWebhook(id, await redis.hgetall(this.#keys.of("webhook", id))));
  }

  /** In the order of their ids. */
  async list(): Promise<Webhook[]> {
    const ids = await this.#ask((redis) => redis.smembers(this.#keys.of("webhooks")));
    const webhooks = await Promise.all(ids.sort().map((id) => this.get(id)));
    return webhooks.filter((webhook) => webhook !== undefined);
  }

  /** False when there is none. */
  async remove(id: string): Promise<boolean> {
    return this.#ask(async () => {
      const [kind] = await this.#script("remove", (role) => this.#keys.of(role, id), { id, now: "" });
      return kind === "removed";
    });
  }

  /** What was set aside, the latest first. */
  async setAside(id: string): Promise<SetAside[]> {
    const flat = await this.#ask((redis) => redis.zrevrange(this.#keys.of("aside", id), 0, -1, "WITHSCORES"));
    return Object.entries(fieldsOf(flat)).map(([json, at]) => ({
      ...(JSON.parse(json) as SetAsideEntry),
      at: Number(at),
    }));
  }

  /**
   * Sends one event that was set aside once more, from here and at once; what is taken is off the list. Undefined when the
   * webhook or the event is unknown. "trimmed": the events stream no longer has it.
   */
  async sendAgain(id: string, eventId: string, sending: SendOptions): Promise<Sent | "trimmed" | undefined> {
    const [webhook, entry] = await Promise.all([this.get(id), this.#entry(id, eventId)]);
    if (webhook === undefined || entry === undefined) return undefined;
    const { streams } = this.#options;
    const notice = await this.#ask((redis) => noticeBehind(redis, streams, eventId));
    if (notice === undefined) return "trimmed";
    const sent = await send(webhook, notice, sending);
    if (sent.kind === "taken") await this.forget(id, eventId);
    return sent;
  }

  /** Takes one event off the list of those that were set aside. False when it is not there. */
  async forget(id: string, eventId: string): Promise<boolean> {
    const entry = await this.#entry(id, eventId);
    if (entry === undefined) return false;
    return (await this.#ask((redis) => redis.zrem(this.#keys.of("aside", id), entry))) > 0;
  }

  /** As it is kept. */
  async #entry(id: string, eventId: string): Promise<string | undefined> {
    const kept = await this.#ask((redis) => redis.zrange(this.#keys.of("aside", id), "0", "-1"));
    return kept.find((json) => (JSON.parse(json) as SetAsideEntry).id === eventId);
  }

  async #ends(): Promise<string[]> {
    const { redis, streams } = this.#options;
    const last = await Promise.all(streams.map((key) => redis.xrevrange(key, "+", "-", "COUNT", 1)));
    return last.map((entries) => entries[0]?.[0] ?? "0-0");
  }

  async #ask<Result>(command: (redis: Redis | Cluster) => Promise<Result>): Promise<Result> {
    try {
      return await command(this.#options.redis);
    } catch (error) {
      throw fromRedis(error);
    }
  }
}
