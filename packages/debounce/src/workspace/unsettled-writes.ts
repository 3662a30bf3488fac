/**
 * The writes to a workspace's files that are in place, or may be at any moment, and whose triggers are not recorded yet. A
 * replica may die between the two: what it left looks like what was always there, but nobody has asked a restart for it.
 */
import { createHash } from "node:crypto";
import type { Transitions } from "../transitions/transitions.ts";

/** A write at a path, by a name that its writer gave it. */
export interface NotedWrite {
  readonly path: string;
  readonly write: string;
}

export interface OtherWrite extends NotedWrite {
  /** How long ago it was announced. */
  readonly ageMs: number;
}

/** `busy`: nothing was noted; the others are in the way. */
export interface Announced {
  readonly kind: "noted" | "busy";
  readonly others: readonly OtherWrite[];
}

/** As long as an Idempotency-Key is kept: whoever repeats a request that was not answered does so within that. */
const KEPT_MS = 24 * 60 * 60 * 1_000;

export class UnsettledWrites {
  readonly #transitions: Transitions;

  constructor(transitions: Transitions) {
    this.#transitions = transitions;
  }

  /**
   * Notes writes before they are put in place, and tells of others that are noted at the same paths. Exclusive ones are
   * noted only where no other is, and others then wait for them. `past`: writes that can put nothing in place any more.
   *
   * @throws CoordinatorUnavailableError
   */
  announce(
    workspaceId: string,
    writes: readonly NotedWrite[],
    { exclusive, past }: { readonly exclusive: boolean; readonly past: readonly string[] },
  ): Promise<Announced> {
    return this.#ask(workspaceId, writes, exclusive ? "x" : "s", past);
  }

  /** Tells which writes are noted at these paths. @throws CoordinatorUnavailableError */
  async at(workspaceId: string, paths: readonly string[]): Promise<readonly OtherWrite[]> {
    const looked = await this.#ask(
      workspaceId,
      paths.map((path) => ({ path, write: "" })),
      "l",
      [],
    );
    return looked.others;
  }

  /** Forgets them: their triggers are recorded, or they came to nothing. @throws CoordinatorUnavailableError */
  async settle(workspaceId: string, writes: readonly NotedWrite[]): Promise<void> {
    if (writes.length === 0) return;
    const pairs = writes.map(({ path, write }) => [keyOf(path), write] as const);
    await this.#transitions.settleWrites({ id: workspaceId, writes: pairs });
  }

  async #ask(id: string, writes: readonly NotedWrite[], mode: "s" | "x" | "l", past: readonly string[]) {
    const paths = new Map(writes.map(({ path }) => [keyOf(path), path]));
    const noted = Object.fromEntries(writes.map(({ path, write }) => [keyOf(path), write]));
    const { kind, others } = await this.#transitions.announceWrites({ id, writes: noted, mode, past, keptMs: KEPT_MS });
    return { kind, others: others.map(([key, write, ageMs]) => ({ path: paths.get(key) ?? "", write, ageMs })) };
  }
}

/** A path may be long; what is kept of it is short. */
function keyOf(path: string): string {
  return createHash("sha256").update(path).digest("base64url").slice(0, 22);
}
