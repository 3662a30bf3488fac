/** Writes evidence for the judge's own tests: a story told line by line, everything about one workspace. */
import type { ClientAnswer, ClientRequest, Evidence, LedgerEntry, Rules, Verb } from "./evidence.ts";

export const RULES: Rules = {
  cooldownMs: 1_000,
  leaseMs: 400,
  observeMs: 500,
  lateMs: 500,
  sources: {
    "file-write": { windowMs: 200, leading: true, trailing: true, maxWaitMs: 1_500 },
    manual: { windowMs: 0, leading: true, trailing: false, maxWaitMs: 0 },
  },
};

export class Story {
  readonly #effects: LedgerEntry[] = [];
  readonly #refusals: LedgerEntry[] = [];
  readonly #requests: ClientRequest[] = [];
  readonly #interruptions: Evidence["interruptions"][number][] = [];
  #calmFrom = Number.POSITIVE_INFINITY;
  readonly #changes: Partial<Evidence["workspaces"][number]> = {};
  readonly #replays: Evidence["replays"][number][] = [];

  /** An effect at a time, of a cycle, with a token (by default the time) and an attempt. */
  effect(at: number, effect: LedgerEntry["effect"], cycleId: string, { token = at, attempt = 1 } = {}): this {
    const entry = { at, workspaceId: "w", cycleId, attempt, fencingToken: token, effect };
    (effect === "refused" ? this.#refusals : this.#effects).push(entry);
    return this;
  }

  /** A whole good cycle. */
  cycle(from: number, to: number, cycleId: string): this {
    return this.effect(from, "begin", cycleId).effect(to, "end", cycleId, { token: from });
  }

  trigger(
    sentAt: number,
    decision: "fired" | "coalesced" | "dropped" | "refused" = "fired",
    source = "file-write",
  ): this {
    const receipt = { triggerId: `t${sentAt}`, decision, rule: "window", generation: sentAt };
    return this.asked("trigger", sentAt, { at: sentAt + 5, status: 202, receipt }, source);
  }

  asked(verb: Verb, sentAt: number, answer?: ClientAnswer, source?: string): this {
    this.#requests.push({ workspaceId: "w", verb, sentAt, ...(answer && { answer }), ...(source && { source }) });
    return this;
  }

  /** Sends the last trigger again: it finds this one. */
  replayed(triggerIdNow: string | undefined): this {
    this.#replays.push({ request: this.#requests.at(-1) as ClientRequest, triggerIdNow });
    return this;
  }

  interrupted(from: number, to: number): this {
    this.#interruptions.push({ from, to });
    return this;
  }

  /** Somebody kills the workspace. */
  died(at: number): this {
    return this.effect(at, "die", "", { token: 0, attempt: 0 });
  }

  calm(from: number): this {
    this.#calmFrom = from;
    return this;
  }

  workspace(changes: Partial<Evidence["workspaces"][number]>): this {
    Object.assign(this.#changes, changes);
    return this;
  }

  evidence(): Evidence {
    const final = { phase: "idle", generation: 1_000_000, observedGeneration: 1_000_000 };
    return {
      ledger: { effects: this.#effects, refusals: this.#refusals },
      requests: this.#requests,
      workspaces: [{ id: "w", reliable: true, final, ...this.#changes }],
      replays: this.#replays,
      interruptions: this.#interruptions,
      calmFrom: this.#calmFrom,
      rules: RULES,
    };
  }
}
