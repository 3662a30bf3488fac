/** Holds: put on, and ended. */
import type { KeyRole, KeySpace } from "../keys.ts";
import { wokenOf } from "./hint.ts";
import { byOf, flag } from "./script-arguments.ts";
import type { CoordinatorScripts } from "./scripts.ts";
import type { TransitionSettings, Woken } from "./types.ts";

export interface HoldCall {
  readonly id: string;
  /** Its name; the actor's own one without. */
  readonly hold?: string | undefined;
  readonly holdMs: number;
  /** Whose it is. */
  readonly actor: string;
  readonly reason?: string | undefined;
  /** The owner says again what it said before. */
  readonly renews?: boolean | undefined;
  readonly now?: number;
}

export type HoldReply =
  | ({ readonly kind: "held"; readonly endsAt: number; readonly heldUntil: number } & Woken)
  /** The name is that of somebody else's hold. */
  | { readonly kind: "taken"; readonly owner: string }
  | { readonly kind: "too-many"; readonly most: number }
  | { readonly kind: "unknown" };

/** The actor's own holds, a named one, or all. */
export type WhichHolds = "own" | "all" | { readonly hold: string };

export interface ReleaseCall {
  readonly id: string;
  readonly which?: WhichHolds | undefined;
  readonly actor: string;
  readonly now?: number;
}

/** `heldUntil`: others' holds still stand until then. */
export type ReleaseReply =
  | ({ readonly kind: "released"; readonly heldUntil: number | undefined } & Woken)
  | { readonly kind: "not-held"; readonly heldUntil: number | undefined }
  | { readonly kind: "unknown" };

export class Holding {
  readonly #scripts: CoordinatorScripts;
  readonly #keys: KeySpace;
  readonly #settings: TransitionSettings;

  constructor(scripts: CoordinatorScripts, keys: KeySpace, settings: TransitionSettings) {
    this.#scripts = scripts;
    this.#keys = keys;
    this.#settings = settings;
  }

  async hold(call: HoldCall): Promise<HoldReply> {
    const { id, holdMs, now = "" } = call;
    const by = byOf(call);
    const { activityTtlMs } = this.#settings;
    const args = {
      id,
      hold: call.hold ?? by.actor,
      holdMs,
      ...by,
      renews: flag(call.renews === true),
      activityTtlMs,
      now,
    };
    const reply = await this.#scripts.run("hold", this.#keyOf(id), args);
    const { kind } = reply;
    if (kind === "held") {
      return { kind, endsAt: reply.number("endsAt"), heldUntil: reply.number("heldUntil"), ...wokenOf(reply) };
    }
    if (kind === "taken") return { kind, owner: reply.text("owner") };
    if (kind === "too-many") return { kind, most: reply.number("most") };
    return { kind: "unknown" };
  }

  async release(call: ReleaseCall): Promise<ReleaseReply> {
    const { id, which = "own", now = "" } = call;
    const named = typeof which === "string" ? { which, hold: "" } : { which: "named", hold: which.hold };
    const { actor } = byOf(call);
    const args = { id, ...named, actor, activityTtlMs: this.#settings.activityTtlMs, now };
    const reply = await this.#scripts.run("release", this.#keyOf(id), args);
    if (reply.kind === "unknown") return { kind: "unknown" };
    const heldUntil = reply.optionalNumber("heldUntil");
    if (reply.kind === "released") return { kind: "released", heldUntil, ...wokenOf(reply) };
    return { kind: "not-held", heldUntil };
  }

  #keyOf(id: string): (role: KeyRole) => string {
    return this.#keys.keysOf(id) as (role: KeyRole) => string;
  }
}
