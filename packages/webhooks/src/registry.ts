/** The list of webhooks, for the API: what operators register, and how each one fares. */
import { randomBytes } from "node:crypto";
import type { Installation } from "@restart-coordinator/debounce";
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createWebhookKeys, type WebhookKeys } from "./keys.ts";
import { bindWebhookScripts, type WebhookScripts } from "./scripts.ts";
import { readWebhook, type Webhook, type WebhookEntry } from "./webhook.ts";

export interface WebhookRegistryOptions {
  /** The keys of the streams of events: every shard's by its number, then the fleet's. The same at every process. */
  readonly streams: readonly string[];
}

export interface WebhookChange extends WebhookEntry {
  /** `whsec_` and base64; undefined = keep it, or make one up for a new webhook. */
  readonly secret?: string | undefined;
  readonly enabled: boolean;
}

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
  async put(id: string, { secret, events, workspaces, url, format, enabled }: WebhookChange): Promise<PutResult> {
    const reply = await this.#scripts.run("register", (role) => this.#keys.of(role, id), {
      id,
      url,
      events: events === undefined ? "" : JSON.stringify(events),
      workspaces: workspaces === undefined ? "" : JSON.stringify(workspaces),
      format,
      secret: secret ?? "",
      newSecret: `whsec_${randomBytes(32).toString("base64")}`,
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

  /** False when there is none. */
  async remove(id: string): Promise<boolean> {
    const { kind } = await this.#scripts.run("remove", (role) => this.#keys.of(role, id), { id });
    return kind === "removed";
  }

  async #ends(): Promise<string[]> {
    const last = await asked(() =>
      Promise.all(this.#streams.map((key) => this.#redis.xrevrange(key, "+", "-", "COUNT", 1))),
    );
    return last.map((entries) => entries[0]?.[0] ?? "0-0");
  }
}
