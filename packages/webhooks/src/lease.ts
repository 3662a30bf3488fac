/** The right to deliver for a webhook for a while. Every write carries its fence: who was taken over writes nothing. */
import type { Installation } from "@restart-coordinator/debounce";
import type { ScriptReply } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createWebhookKeys, type WebhookKeyRole, type WebhookKeys } from "./keys.ts";
import { bindWebhookScripts, type WebhookScripts } from "./scripts.ts";
import { MOST_SET_ASIDE, type SetAsideEntry } from "./set-aside.ts";
import { readWebhook, type Webhook } from "./webhook.ts";

export type Claim =
  | { readonly kind: "unknown" | "disabled" }
  | { readonly kind: "busy"; readonly leaseEndsInMs: number }
  | { readonly kind: "claimed"; readonly lease: WebhookLease };

/** How a webhook stands. */
export interface Standing {
  readonly webhook: Webhook;
  /** Until the next attempt at what was not taken, ms. */
  readonly retryInMs: number;
  /** By stream: for how long its next event is not taken, ms. */
  readonly stuckForMs: readonly (number | undefined)[];
}

export type Kept = { readonly kind: "lost" | "disabled" } | ({ readonly kind: "kept" } & Standing);
export type Failed =
  | { readonly kind: "lost" }
  | { readonly kind: "retry" }
  | { readonly kind: "disabled"; readonly reason: string };

export interface LeaseOptions {
  /** Who delivers, for people who look. */
  readonly owner: string;
  /** How long a process may be silent before another takes over, ms; longer than a delivery may take. */
  readonly leaseMs: number;
}

export class WebhookLeases {
  readonly #redis: Redis | Cluster;
  readonly #options: LeaseOptions;
  readonly #keys: WebhookKeys;
  readonly #scripts: WebhookScripts;

  constructor({ redis, prefix }: Installation, options: LeaseOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#keys = createWebhookKeys(prefix);
    this.#scripts = bindWebhookScripts(redis);
  }

  /** Of every webhook there is. */
  ids(): Promise<string[]> {
    return this.#redis.smembers(this.#keys.of("webhooks"));
  }

  async claim(id: string): Promise<Claim> {
    const { owner, leaseMs } = this.#options;
    const keyOf = (role: WebhookKeyRole) => this.#keys.of(role, id);
    const reply = await this.#scripts.run("claim", keyOf, { owner, leaseMs, now: "" });
    if (reply.kind === "busy") return { kind: "busy", leaseEndsInMs: reply.number("leaseEndsInMs") };
    if (reply.kind !== "claimed") return { kind: reply.kind as "unknown" | "disabled" };
    const own = { id, fence: reply.text("fence"), leaseMs, now: "" };
    const run: RunOwn = (name, args) => this.#scripts.run(name, keyOf, { ...own, ...args });
    return { kind: "claimed", lease: new WebhookLease(id, standing(id, reply), run) };
  }
}

type RunOwn = (
  name: "renew" | "advance" | "fail" | "set-aside" | "release",
  args?: Readonly<Record<string, string | number>>,
) => Promise<ScriptReply>;

export class WebhookLease {
  readonly id: string;
  /** When it was claimed. */
  readonly first: Standing;
  readonly #run: RunOwn;

  constructor(id: string, first: Standing, run: RunOwn) {
    this.id = id;
    this.first = first;
    this.#run = run;
  }

  async renew(): Promise<Kept> {
    const reply = await this.#run("renew");
    if (reply.kind !== "kept") return { kind: reply.kind as "lost" | "disabled" };
    return { kind: "kept", ...standing(this.id, reply) };
  }

  /** False when the lease is lost. */
  async advance(stream: number, cursor: string, { delivered }: { delivered: boolean }): Promise<boolean> {
    const { kind } = await this.#run("advance", { stream, cursor, delivered: delivered ? 1 : 0 });
    return kind === "kept";
  }

  /** As `advance`, over events that were not taken, and some that were. False when the lease is lost. */
  async setAside(passed: {
    stream: number;
    cursor: string;
    events: readonly SetAsideEntry[];
    delivered: number;
  }): Promise<boolean> {
    const { stream, cursor, delivered } = passed;
    const events = JSON.stringify(passed.events.map((event) => JSON.stringify(event)));
    const args = { stream, cursor, events, delivered, most: MOST_SET_ASIDE };
    const { kind } = await this.#run("set-aside", args);
    return kind === "kept";
  }

  /** `streams`: those whose next event was not taken. */
  async fail(failure: {
    streams: readonly number[];
    error: string;
    delayMs: number;
    giveUpMs: number;
    isGone: boolean;
  }): Promise<Failed> {
    const { isGone, streams, ...rest } = failure;
    const args = { ...rest, streams: JSON.stringify(streams), isGone: String(isGone) };
    const reply = await this.#run("fail", args);
    if (reply.kind === "disabled") return { kind: "disabled", reason: reply.text("reason") };
    return { kind: reply.kind as "retry" | "lost" };
  }

  async release(): Promise<void> {
    await this.#run("release");
  }
}

function standing(id: string, reply: ScriptReply): Standing {
  const webhook = readWebhook(id, reply.record("webhook")) as Webhook;
  const now = reply.number("now");
  return {
    webhook,
    retryInMs: Math.max(0, (webhook.failure?.retryAt ?? 0) - now),
    stuckForMs: webhook.stuckSince.map((since) => since && Math.max(0, now - since)),
  };
}
