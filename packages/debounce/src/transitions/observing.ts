/** What is seen of workspaces, as typed calls: whose turn it is, what is known of it, and what was found. */
import type { KeyRole, KeySpace } from "../keys.ts";
import type { Desire } from "../vocabulary.ts";
import { wokenOf } from "./hint.ts";
import { flag } from "./script-arguments.ts";
import type { CoordinatorScripts } from "./scripts.ts";
import type { Facts, ObserveCall, ObserveReply, TransitionSettings } from "./types.ts";

export class Observing {
  readonly #scripts: CoordinatorScripts;
  readonly #keys: KeySpace;
  readonly #settings: TransitionSettings;
  /** The same object for all, so that their calls go together. */
  readonly #now = { now: "" };

  constructor(scripts: CoordinatorScripts, keys: KeySpace, settings: TransitionSettings) {
    this.#scripts = scripts;
    this.#keys = keys;
    this.#settings = settings;
  }

  /** Whose turn it is to be looked at on a shard, by Redis' clock; `intervalMs` 0: nobody looks from here on. */
  async turn(call: {
    shard: number;
    intervalMs: number;
    most: number;
    now?: number;
  }): Promise<{ ids: string[]; now: number }> {
    const { shard, now = "", ...args } = call;
    const reply = await this.#scripts.run("look", this.#ofShard(shard), { ...args, now });
    return { ids: reply.list("ids").map(String), now: reply.number("now") };
  }

  async facts({ id, now }: { id: string; now?: number }): Promise<Facts> {
    const reply = await this.#scripts.together("facts", {
      ...{ group: this.#keys.tagFor(id), keyOf: this.#keys.keysOf(id) as (role: KeyRole) => string },
      shared: now === undefined ? this.#now : { now },
      own: { id },
    });
    return {
      now: reply.number("now"),
      fence: reply.text("fence"),
      busy: reply.flag("busy"),
      desired: reply.optionalText("desired") as Desire | undefined,
      runtime: reply.optionalText("runtime"),
      status: reply.optionalText("status"),
      spec: reply.optionalText("spec"),
      instance: reply.optionalText("instance"),
      tags: reply.optionalText("tags"),
      seenAt: reply.optionalNumber("seenAt"),
      downAt: reply.optionalNumber("downAt"),
      stray: reply.optionalText("stray"),
      specUsed: reply.optionalText("specUsed"),
      drift: reply.optionalText("drift"),
      specAsk: reply.flag("specAsk"),
    };
  }

  /** Notes of workspaces of one shard that they are as they were: alive. At most 1,000. */
  async seen(call: { shard: number; ids: readonly string[]; lookedAt: number }): Promise<void> {
    const { shard, ids, lookedAt } = call;
    if (ids.length === 0) return;
    await this.#scripts.run("seen", this.#ofShard(shard), { ids: JSON.stringify(ids), lookedAt });
  }

  async observe(call: ObserveCall): Promise<ObserveReply> {
    const { id, fence, seen, detail, since, lookedAt, isOurs, instance, stray = "", action, retry, now = "" } = call;
    const { backoffMs, maxBackoffMs } = retry;
    const { activityTtlMs } = this.#settings;
    const found = {
      ...{ id, fence, seen, detail, since, lookedAt, stray, action },
      isOurs: flag(isOurs),
      instance: instance === undefined ? "" : JSON.stringify(instance),
    };
    const keyOf = this.#keys.keysOf(id) as (role: KeyRole) => string;
    const reply = await this.#scripts.run("observe", keyOf, { ...found, backoffMs, maxBackoffMs, activityTtlMs, now });
    if (reply.kind === "stale") return { kind: "stale" };
    if (reply.kind === "stopping") return { kind: "stopping", ...wokenOf(reply) };
    const change = reply.optionalText("change") as Extract<ObserveReply, { kind: "recorded" }>["change"];
    return { kind: "recorded", change, ask: reply.flag("ask") };
  }

  /** Records in which fields what runs differs from its spec; tells whether a restart is to be asked for. */
  async drift(call: {
    id: string;
    fence: string;
    fields: readonly string[];
    target: string;
    now?: number;
  }): Promise<"stale" | { readonly ask: boolean }> {
    const { id, fence, target, now = "" } = call;
    const { activityTtlMs } = this.#settings;
    const args = { id, fence, fields: JSON.stringify(call.fields), target, activityTtlMs, now };
    const reply = await this.#scripts.run("drift", this.#keys.keysOf(id) as (role: KeyRole) => string, args);
    return reply.kind === "stale" ? "stale" : { ask: reply.flag("ask") };
  }

  #ofShard(shard: number): (role: KeyRole) => string {
    return (role) => this.#keys.forShard(role as "seen", shard);
  }
}
