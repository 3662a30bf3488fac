/**
 * One workspace in virtual time. Two implementations must agree: the pure model below, which is made of `judge`, and the
 * real scripts on a real Redis with the time as an argument.
 */
import { dueOf, type Facts, judge, type Owed } from "../../src/judge.ts";
import type { Policy } from "../../src/policy.ts";
import type { Verdict } from "../../src/transition-types.ts";
import { Transitions } from "../../src/transitions.ts";

export interface Machine {
  /** Judges a trigger; also tells when what is owed may start, as far as is known. */
  trigger(source: string, now: number): Promise<Verdict & { dueAt: number | undefined }>;
  /** Begins a new cycle if one is due; tells whether it did. */
  begin(now: number): Promise<boolean>;
  /** Ends the running cycle well. */
  end(now: number): Promise<void>;
  /** When somebody must look at the workspace next, while nothing runs. */
  wakeAt(): Promise<number | undefined>;
}

export class Model implements Machine {
  readonly #policy: Policy;
  readonly #windows = new Map<string, number>();
  #cooldownEndsAt: number | undefined;
  #running = false;
  #owed: Owed | undefined;

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  async trigger(source: string, now: number) {
    const policy = this.#policy.sources[source];
    if (policy === undefined) throw new Error(`no policy for ${source}`);
    const { decision, rule, claimedUntil, owed, dueAt } = judge(this.#facts(source), { source }, policy, now);
    if (claimedUntil !== undefined) this.#windows.set(source, claimedUntil);
    this.#owed = owed;
    const isOwed = decision === "fired" || decision === "coalesced";
    return { decision, rule, dueAt: isOwed ? dueAt : undefined };
  }

  async begin(now: number): Promise<boolean> {
    const due = dueOf(this.#facts(""), now);
    if (this.#running || due === undefined || due > now) return false;
    this.#running = true;
    this.#owed = undefined;
    this.#cooldownEndsAt = now + this.#policy.cooldownMs;
    return true;
  }

  async end(): Promise<void> {
    this.#running = false;
  }

  async wakeAt(): Promise<number | undefined> {
    return dueOf(this.#facts(""), 0);
  }

  #facts(source: string): Facts {
    return {
      refusal: undefined,
      windowEndsAt: this.#windows.get(source),
      cooldownEndsAt: this.#cooldownEndsAt,
      running: this.#running,
      retrying: false,
      breakerOpen: false,
      backoffEndsAt: undefined,
      heldUntil: undefined,
      owed: this.#owed,
    };
  }
}

/** The real scripts. Times are shifted, so that virtual zero is not Redis' "none". */
export class Scripts implements Machine {
  readonly #transitions: Transitions;
  readonly #policy: Policy;
  readonly #id: string;
  readonly #epoch = 1_000_000_000_000;
  #fencingToken = 0;

  constructor(transitions: Transitions, policy: Policy, id: string) {
    this.#transitions = transitions;
    this.#policy = policy;
    this.#id = id;
  }

  async register(): Promise<this> {
    await this.#transitions.register({ id: this.#id, fields: {}, now: this.#epoch });
    return this;
  }

  async trigger(source: string, now: number) {
    const policy = this.#policy.sources[source];
    if (policy === undefined) throw new Error(`no policy for ${source}`);
    const reply = await this.#transitions.trigger({
      id: this.#id,
      source,
      policy,
      count: 1,
      reasons: ["replayed"],
      actors: [],
      write: false,
      onHold: "queue",
      nonce: "",
      now: this.#epoch + now,
    });
    if (reply.kind === "conflict") throw new Error("unexpected conflict");
    return { ...reply.first, dueAt: reply.dueAt === undefined ? undefined : reply.dueAt - this.#epoch };
  }

  async begin(now: number): Promise<boolean> {
    const { cooldownMs } = this.#policy;
    const reply = await this.#transitions.begin({
      id: this.#id,
      owner: `test/${now}`,
      cooldownMs,
      now: this.#epoch + now,
    });
    if (reply.kind !== "begun") return false;
    this.#fencingToken = reply.fencingToken;
    return true;
  }

  async end(now: number): Promise<void> {
    const { retry } = this.#policy;
    const fencingToken = this.#fencingToken;
    const ended = { id: this.#id, fencingToken, outcome: "ok", retry, jitter: 0, now: this.#epoch + now } as const;
    const reply = await this.#transitions.end(ended);
    if (reply.kind === "lost") throw new Error("the lease was lost");
  }

  async wakeAt(): Promise<number | undefined> {
    const { state, cooldownEndsAt } = await this.#transitions.view(this.#id);
    const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    if (state.owedSince === undefined) return undefined;
    const owed: Owed = {
      dueNowAt: number(state.dueNowAt),
      quietEndsAt: number(state.quietEndsAt),
      deadlineAt: number(state.deadlineAt),
      ignoreCooldown: state.ignoreCooldown !== undefined,
      overrideHold: false,
      firstAt: {},
    };
    const due = dueOf({ owed, cooldownEndsAt, backoffEndsAt: undefined, heldUntil: undefined }, 0);
    return due === undefined ? undefined : due - this.#epoch;
  }
}

export { Transitions };
