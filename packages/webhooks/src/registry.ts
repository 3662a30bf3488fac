/** The list of webhooks, for the API: what operators register, and how each one fares. */
import { randomBytes } from "node:crypto";
import type { Installation } from "@restart-coordinator/debounce";
import { asked, recordOf } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createWebhookKeys, type WebhookKeys } from "./keys.ts";
import { bindWebhookScripts, type WebhookScripts } from "./scripts.ts";
import { type SendOptions, type Sent, send } from "./send.ts";
import { noticeBehind, type SetAside, type SetAsideEntry } from "./set-aside.ts";
import { readWebhook, statusOf, type Webhook, type WebhookEntry, type WebhookStatus } from "./webhook.ts";

export interface WebhookRegistryOptions {
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
  readonly #redis: Redis | Cluster;
  readonly #streams: readonly string[];
  readonly #keys: WebhookKeys;
  readonly #scripts: WebhookScripts;

  constructor({ redis, prefix }: Installation, { streams }: WebhookRegistryOptions) {
    this.#redis = redis;
    this.#streams = streams;
    this.#keys = createWebhookKeys(prefix);
    this.#scripts = bindWebhookScripts(redis);
  }

  /** A new webhook hears of what happens from now on; a changed one goes on where it stands. */
  async put(id: string, change: WebhookChange): Promise<PutResult> {
    const { secret, events, workspaces, url, format, enabled, secretOverlapMs = SECRET_OVERLAP_MS } = change;
    const reply = await this.#scripts.run("register", (role) => this.#keys.of(role, id), {
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
    if (reply.kind === "created") return { kind: "created", secret: reply.text("secret") };
    return { kind: reply.kind as "updated" | "too-many" };
  }

  async get(id: string): Promise<Webhook | undefined> {
    return readWebhook(id, await asked(() => this.#redis.hgetall(this.#keys.of("webhook", id))));
  }

  /** In the order of their ids. */
  async list(): Promise<Webhook[]> {
    const ids = await asked(() => this.#redis.smembers(this.#keys.of("webhooks")));
    const webhooks = await Promise.all(ids.sort().map((id) => this.get(id)));
    return webhooks.filter((webhook) => webhook !== undefined);
  }

  /** Counts them by how they fare. */
  async census(): Promise<Readonly<Record<WebhookStatus, number>>> {
    const counts = { active: 0, failing: 0, disabled: 0, off: 0 };
    for (const webhook of await this.list()) counts[statusOf(webhook)] += 1;
    return counts;
  }

  /** False when there is none. */
  async remove(id: string): Promise<boolean> {
    const { kind } = await this.#scripts.run("remove", (role) => this.#keys.of(role, id), { id });
    return kind === "removed";
  }

  /** What was set aside, the latest first. */
  async setAside(id: string): Promise<SetAside[]> {
    const flat = await asked(() => this.#redis.zrevrange(this.#keys.of("aside", id), 0, -1, "WITHSCORES"));
    return Object.entries(recordOf(flat)).map(([json, at]) => ({
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
    const notice = await asked(() => noticeBehind(this.#redis, this.#streams, eventId));
    if (notice === undefined) return "trimmed";
    const sent = await send(webhook, notice, sending);
    if (sent.kind === "taken") await this.forget(id, eventId);
    return sent;
  }

  /** Takes one event off the list of those that were set aside. False when it is not there. */
  async forget(id: string, eventId: string): Promise<boolean> {
    const entry = await this.#entry(id, eventId);
    if (entry === undefined) return false;
    return (await asked(() => this.#redis.zrem(this.#keys.of("aside", id), entry))) > 0;
  }

  /** As it is kept. */
  async #entry(id: string, eventId: string): Promise<string | undefined> {
    const kept = await asked(() => this.#redis.zrange(this.#keys.of("aside", id), "0", "-1"));
    return kept.find((json) => (JSON.parse(json) as SetAsideEntry).id === eventId);
  }

  async #ends(): Promise<string[]> {
    const last = await asked(() =>
      Promise.all(this.#streams.map((key) => this.#redis.xrevrange(key, "+", "-", "COUNT", 1))),
    );
    return last.map((entries) => entries[0]?.[0] ?? "0-0");
  }
}
