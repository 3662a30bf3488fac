/** What operators do to one workspace's restarts. Every verb is idempotent and recorded with its actor. */
import { needFields, needKind, needMs, needText } from "../checks.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { Transitions } from "../transitions/transitions.ts";
import type { Woken } from "../transitions/types.ts";
import type { Rule } from "../vocabulary.ts";
import { assertWorkspaceId } from "../workspace-id.ts";

/** `removing`: nothing of it is changed any more. */
export type HoldResult =
  | { readonly kind: "held"; readonly heldUntil: number }
  | { readonly kind: "unknown" | "removing" };
export type ReleaseResult =
  | { readonly kind: "released"; readonly dueAt: number | undefined }
  | { readonly kind: "not-held" | "unknown" | "removing" };
export type FlushResult =
  | { readonly kind: "flushed"; readonly dueAt: number | undefined }
  | { readonly kind: "refused"; readonly rule: Rule }
  | { readonly kind: "nothing-owed" | "held" | "unknown" };
/** `triggers`: how many were owed and are no more. `stopping`: a cycle runs and was asked to stop at a safe point. */
export type CancelResult =
  | { readonly kind: "canceled"; readonly triggers: number }
  | { readonly kind: "stopping"; readonly triggers: number; readonly cycleId: string }
  | { readonly kind: "nothing-owed" | "unknown" | "removing" };

const MOST_HELD_MS = 365 * 24 * 60 * 60 * 1_000;

/** All throw InvalidArgumentError, InvalidWorkspaceIdError and CoordinatorUnavailableError. */
export class Verbs {
  readonly #transitions: Transitions;
  readonly #hint: (hint: Hint) => void;

  constructor(transitions: Transitions, hint: (hint: Hint) => void) {
    this.#transitions = transitions;
    this.#hint = hint;
  }

  /** Keeps restarts from starting for `holdMs`: triggers pile up, and are owed one cycle when it ends. */
  async hold(id: string, by: { holdMs: number; actor: string; reason?: string | undefined }): Promise<HoldResult> {
    checkVerb(id, by, ["holdMs", "actor", "reason"]);
    needMs("holdMs", by.holdMs, 1, MOST_HELD_MS);
    const reply = await this.#transitions.hold({ id, ...by });
    if (reply.kind !== "held") return reply;
    this.#wake(id, reply);
    return { kind: "held", heldUntil: reply.heldUntil };
  }

  async release(id: string, by: { actor: string }): Promise<ReleaseResult> {
    checkVerb(id, by, ["actor"]);
    const reply = await this.#transitions.release({ id, ...by });
    if (reply.kind !== "released") return reply;
    this.#wake(id, reply);
    return { kind: "released", dueAt: reply.dueAt };
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
