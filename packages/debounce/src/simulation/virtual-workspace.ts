/** One workspace as a pure state machine: `judge` for its triggers, and cycles that always end well. */
import { dueOf, type Owed } from "../policy/due.ts";
import { type Facts, judge } from "../policy/judge.ts";
import type { Policy } from "../policy/policy.ts";
import { ignoresQuietHours } from "../policy/policy-set.ts";
import type { Decision, Rule } from "../vocabulary.ts";

/** What is simulated. The real scripts can be driven the same way, which is how tests hold the two against each other. */
export interface Machine {
  /** Judges a trigger, of a write that changed nothing if told so; also tells when what is owed may start, as far as is known. */
  trigger(source: string, now: number, unchanged?: boolean): Answer<Judged>;
  /** Begins a new cycle if one is due; tells whether it did. */
  begin(now: number): Answer<boolean>;
  /** Ends the running cycle well. */
  end(now: number): Answer<void>;
  /** When somebody must look at the workspace next, while nothing runs. */
  wakeAt(now: number): Answer<number | undefined>;
}
type Answer<Value> = Value | Promise<Value>;

export interface Judged {
  readonly decision: Decision;
  readonly rule: Rule;
  readonly dueAt: number | undefined;
}

/** All that a workspace remembers, as JSON can carry it. Times are ms on one clock. */
export interface VirtualState {
  /** Ends of the claimed windows, by source. */
  readonly windows: Readonly<Record<string, number>>;
  readonly cooldownEndsAt?: number | undefined;
  readonly running: boolean;
  readonly owed?: Owed | undefined;
}

const FRESH: VirtualState = { windows: {}, running: false };

export class VirtualWorkspace implements Machine {
  readonly #policy: Policy;
  #state: VirtualState;

  constructor(policy: Policy, state: VirtualState = FRESH) {
    this.#policy = policy;
    this.#state = state;
  }

  get state(): VirtualState {
    return this.#state;
  }

  /** @throws RangeError when the policy does not know the source */
  trigger(source: string, now: number, unchanged = false): Judged {
    const { sources } = this.#policy;
    const policy = Object.hasOwn(sources, source) ? sources[source] : undefined;
    if (policy === undefined) throw new RangeError(`the policy knows no source ${source}`);
    const trigger = { source, unchanged, ignoresQuietHours: ignoresQuietHours(this.#policy, source) };
    const { decision, rule, claimedUntil, owed, dueAt } = judge(this.#facts(source), trigger, policy, now);
    const { windows } = this.#state;
    this.#state = {
      ...this.#state,
      owed,
      windows: claimedUntil === undefined ? windows : { ...windows, [source]: claimedUntil },
    };
    const isOwed = decision === "fired" || decision === "coalesced";
    return { decision, rule, dueAt: isOwed ? dueAt : undefined };
  }

  begin(now: number): boolean {
    const due = dueOf(this.#facts(""), now);
    if (this.#state.running || due === undefined || due.at > now) return false;
    const cooldownEndsAt = now + this.#policy.cooldownMs;
    this.#state = { windows: this.#state.windows, cooldownEndsAt, running: true };
    return true;
  }

  end(): void {
    this.#state = { ...this.#state, running: false };
  }

  wakeAt(now: number): number | undefined {
    return dueOf(this.#facts(""), now)?.at;
  }

  #facts(source: string): Facts {
    const { windows, cooldownEndsAt, running, owed } = this.#state;
    return {
      refusal: undefined,
      windowEndsAt: windows[source],
      cooldownEndsAt,
      running,
      retrying: false,
      breakerOpen: false,
      backoffEndsAt: undefined,
      heldUntil: undefined,
      quietHours: this.#policy.quietHours?.intervals,
      owed,
    };
  }
}
