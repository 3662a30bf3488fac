/** What operators do to one workspace's restarts. Every verb is idempotent and recorded with its actor. */
import { needFields, needKind, needMs, needOneOf, needText } from "../checks.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { WhichHolds } from "../transitions/holding.ts";
import type { Transitions } from "../transitions/transitions.ts";
import type { Woken } from "../transitions/types.ts";
import type { Rule } from "../vocabulary.ts";
import { assertWorkspaceId } from "../workspace-id.ts";

export interface HoldRequest {
  /** Names it; without, it is the actor's own one. A hold of that name which is the actor's is set anew. */
  readonly hold?: string | undefined;
  readonly holdMs: number;
  /** Whose it is. */
  readonly actor: string;
  readonly reason?: string | undefined;
  /** Says again what was said before: a hold that stands only lasts longer, and nothing more is told of it. */
  readonly renews?: boolean | undefined;
}

/** `endsAt`: of this one; `heldUntil`: of the last one. */
export type HoldResult =
  | { readonly kind: "held"; readonly hold: string; readonly endsAt: number; readonly heldUntil: number }
  /** The name is that of somebody else's hold. */
  | { readonly kind: "taken"; readonly owner: string }
  | { readonly kind: "too-many"; readonly most: number }
  | { readonly kind: "unknown" };
/** `heldUntil`: others' holds still stand until then. */
export type ReleaseResult =
  | { readonly kind: "released"; readonly heldUntil: number | undefined; readonly dueAt: number | undefined }
  | { readonly kind: "not-held"; readonly heldUntil: number | undefined }
  | { readonly kind: "unknown" };
export type FlushResult =
  | { readonly kind: "flushed"; readonly dueAt: number | undefined }
  | { readonly kind: "refused"; readonly rule: Rule }
  | { readonly kind: "nothing-owed" | "held" | "unknown" };
/** `triggers`: how many were owed and are no more. `stopping`: a cycle runs and was asked to stop at a safe point. */
export type CancelResult =
  | { readonly kind: "canceled"; readonly triggers: number }
  | { readonly kind: "stopping"; readonly triggers: number; readonly cycleId: string }
  | { readonly kind: "nothing-owed" | "unknown" };

export type { WhichHolds } from "../transitions/holding.ts";

const LONGEST_HOLD_NAME = 200;
const MOST_HELD_MS = 365 * 24 * 60 * 60 * 1_000;

/** All throw InvalidArgumentError, InvalidWorkspaceIdError and CoordinatorUnavailableError. */
export class Verbs {
  readonly #transitions: Transitions;
  readonly #hint: (hint: Hint) => void;

  constructor(transitions: Transitions, hint: (hint: Hint) => void) {
    this.#transitions = transitions;
    this.#hint = hint;
  }

  /**
   * Keeps restarts from starting for `holdMs`: triggers pile up, and are owed one cycle when the last hold ends. A hold is
   * its actor's; those of others stand beside it.
   */
  async hold(id: string, by: HoldRequest): Promise<HoldResult> {
    checkVerb(id, by, ["hold", "holdMs", "actor", "reason", "renews"]);
    needMs("holdMs", by.holdMs, 1, MOST_HELD_MS);
    needKind("renews", by.renews, "boolean");
    if (by.hold !== undefined) needText("hold", by.hold, LONGEST_HOLD_NAME);
    const reply = await this.#transitions.hold({ id, ...by });
    if (reply.kind !== "held") return reply;
    this.#wake(id, reply);
    const { endsAt, heldUntil } = reply;
    return { kind: "held", hold: by.hold ?? by.actor, endsAt, heldUntil };
  }

  /** Ends the actor's own holds, or a named one, or all. */
  async release(id: string, by: { actor: string; which?: WhichHolds | undefined }): Promise<ReleaseResult> {
    checkVerb(id, by, ["actor", "which"]);
    checkWhich(by.which);
    const reply = await this.#transitions.release({ id, ...by });
    if (reply.kind !== "released") return reply;
    this.#wake(id, reply);
    return { kind: "released", heldUntil: reply.heldUntil, dueAt: reply.dueAt };
  }

  /** What is owed starts now: it waits for no window, cooldown or backoff, but for a running cycle. */
  async flush(id: string, by: { actor: string }): Promise<FlushResult> {
    checkVerb(id, by, ["actor"]);
    const reply = await this.#transitions.flush({ id, ...by });
    if (reply.kind !== "flushed") return reply;
    this.#wake(id, reply);
    return { kind: "flushed", dueAt: reply.dueAt };
  }

  /** Drops what is owed. */
  async cancel(id: string, by: { actor: string; reason?: string | undefined }): Promise<CancelResult> {
    checkVerb(id, by, ["actor", "reason"]);
    return this.#transitions.cancel({ id, ...by });
  }

  #wake(workspaceId: string, woken: Woken): void {
    const hint = hintOf(workspaceId, woken);
    if (hint !== undefined) this.#hint(hint);
  }
}

/** @throws InvalidArgumentError, InvalidWorkspaceIdError */
function checkVerb(id: string, by: { actor: string; reason?: string | undefined }, known: readonly string[]): void {
  assertWorkspaceId(id);
  needFields("the request", by, known);
  needText("actor", by.actor);
  needKind("reason", by.reason, "string");
}

/** @throws InvalidArgumentError */
function checkWhich(which: WhichHolds | undefined): void {
  if (typeof which === "object" && which !== null) {
    needFields("which", which, ["hold"]);
    needText("which.hold", which.hold, LONGEST_HOLD_NAME);
  } else if (which !== undefined) needOneOf("which", which, ["own", "all"]);
}
