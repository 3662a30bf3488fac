/** What is owed is scheduled anew after policies were exchanged, as typed calls. */
import type { KeyRole, KeySpace } from "../keys.ts";
import { wokenOf } from "./hint.ts";
import { rescheduleArguments } from "./script-arguments.ts";
import type { CoordinatorScripts } from "./scripts.ts";
import type { RescheduleCall, RescheduleTurn, TransitionSettings, Woken } from "./types.ts";

export class Rescheduling {
  readonly #scripts: CoordinatorScripts;
  readonly #keys: KeySpace;
  readonly #settings: TransitionSettings;

  constructor(scripts: CoordinatorScripts, keys: KeySpace, settings: TransitionSettings) {
    this.#scripts = scripts;
    this.#keys = keys;
    this.#settings = settings;
  }

  /** Asks for it on all shards: the caller has other policies than before. */
  async askEverywhere(): Promise<void> {
    const shards = Array.from({ length: this.#keys.shards }, (_, shard) => shard);
    await Promise.all(shards.map((shard) => this.ask({ shard })));
  }

  async ask({ shard, now }: { shard: number; now?: number }): Promise<void> {
    await this.#scripts.run("rescheduling-ask", this.#ofShard(shard), { now: now ?? "" });
  }

  /** Takes it upon a worker, or keeps that up, once nobody has asked for `settleMs`. */
  async take(call: { shard: number; owner: string; settleMs: number; now?: number }): Promise<RescheduleTurn> {
    const { shard, owner, settleMs, now = "" } = call;
    const args = { owner, leaseMs: this.#settings.leaseMs, settleMs, now };
    const reply = await this.#scripts.run("rescheduling-take", this.#ofShard(shard), args);
    if (reply.kind === "yours") return { kind: "yours", askedAt: reply.number("askedAt") };
    return { kind: reply.kind as "nothing" | "later" | "busy" };
  }

  async end({ shard, ...args }: { shard: number; owner: string; askedAt: number }): Promise<void> {
    await this.#scripts.run("rescheduling-end", this.#ofShard(shard), args);
  }

  /** Reckons anew when somebody must look at a workspace; the hint is given where that is sooner than it was. */
  async reschedule(call: RescheduleCall): Promise<Woken> {
    const { id } = call;
    const args = { id, ...rescheduleArguments(call, this.#settings) };
    return wokenOf(await this.#scripts.run("reschedule", this.#keys.keysOf(id) as (role: KeyRole) => string, args));
  }

  #ofShard(shard: number): (role: KeyRole) => string {
    return (role) => this.#keys.forShard(role as "rescheduling", shard);
  }
}
