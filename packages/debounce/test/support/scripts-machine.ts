import { dueOf, type Owed } from "../../src/policy/due.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { Machine } from "../../src/simulation/virtual-workspace.ts";
import type { Transitions } from "../../src/transitions/transitions.ts";

/** The real scripts as a machine for replays. Times are shifted, so that virtual zero is not Redis' "none". */
export class ScriptsMachine implements Machine {
  readonly #transitions: Transitions;
  readonly #policy: Policy;
  readonly #id: string;
  readonly #epoch = 1_000_000_000_000;
  #fencingToken = 0;

  constructor(transitions: Transitions, policy: Policy, id: string) {
    this.#transitions = transitions;
    this.#policy = atEpoch(policy, this.#epoch);
    this.#id = id;
  }

  async register(): Promise<this> {
    await this.#transitions.register({ id: this.#id, fields: {}, now: this.#epoch });
    return this;
  }

  async trigger(source: string, now: number, unchanged = false) {
    const reply = await this.#transitions.trigger({
      id: this.#id,
      source,
      choice: { otherwise: this.#policy, alternatives: [] },
      count: 1,
      reasons: ["replayed"],
      actors: [],
      write: false,
      unchanged,
      onHold: "queue",
      nonce: "",
      now: this.#epoch + now,
    });
    if (reply.kind === "conflict") throw new Error("unexpected conflict");
    return { ...reply.first, dueAt: reply.dueAt === undefined ? undefined : reply.dueAt - this.#epoch };
  }

  async begin(now: number): Promise<boolean> {
    const reply = await this.#transitions.begin({
      id: this.#id,
      owner: `test/${now}`,
      choice: { otherwise: this.#policy, alternatives: [] },
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

  async wakeAt(now: number): Promise<number | undefined> {
    const { state, cooldownEndsAt } = await this.#transitions.view(this.#id);
    const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    if (state.owedAt === undefined) return undefined;
    const owed: Owed = {
      dueNowAt: number(state.dueNowAt),
      quietEndsAt: number(state.quietEndsAt),
      deadlineAt: number(state.deadlineAt),
      ignoreCooldown: state.ignoreCooldown !== undefined,
      overrideHold: false,
      ignoreQuietHours: state.ignoreQuietHours !== undefined,
      deliberate: state.deliberate !== undefined,
      looping: state.loop !== undefined,
      firstAt: {},
    };
    const due = dueOf(
      {
        owed,
        cooldownEndsAt,
        backoffEndsAt: undefined,
        heldUntil: undefined,
        quietHours: this.#policy.quietHours?.intervals,
      },
      this.#epoch + now,
    );
    return due === undefined ? undefined : due.at - this.#epoch;
  }
}

/** Quiet hours are absolute times, and the virtual ones begin at zero. */
export function atEpoch(policy: Policy, epoch: number): Policy {
  const { quietHours } = policy;
  if (quietHours === undefined) return policy;
  const intervals = quietHours.intervals.map(([start, end]) => [start + epoch, end + epoch] as const);
  return { ...policy, quietHours: { ...quietHours, intervals } };
}
