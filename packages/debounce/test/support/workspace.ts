/** One workspace on the real scripts, in virtual time, its calls spread round robin over several replicas. */
import { expect } from "vitest";
import type { RestartEvent } from "../../src/event.ts";
import { POLICIES, type Policy } from "../../src/policy/policy.ts";
import type { HoldCall, ReleaseCall } from "../../src/transitions/holding.ts";
import { Transitions } from "../../src/transitions/transitions.ts";
import type { BegunReply, EndCall, Snapshot, Step } from "../../src/transitions/types.ts";
import type { TriggerCall, TriggerReply } from "../../src/triggers/trigger-call.ts";
import type { Desire, Verdict } from "../../src/vocabulary.ts";
import { describeWorkspace, type WorkspaceState } from "../../src/workspace/workspace-state.ts";
import type { TestRedis } from "./redis.ts";

/** Virtual zero: a time that Redis' own clock has long passed. */
const EPOCH = 1_000_000_000_000;

/** Milliseconds of virtual time, as the scripts see them. */
export const at = (ms: number): number => EPOCH + ms;

export const LEASE_MS = 15_000;
export const ACTIVITY_TTL_MS = 600_000;

export interface TestWorkspaceOptions {
  readonly policy?: Policy;
  /** Calls go round robin to as many `Transitions`, each on a connection of its own. */
  readonly replicas?: number;
}

export type Told = Verdict & Omit<Extract<TriggerReply, { first: Verdict }>, "first">;

/** Makes workspaces that share the replicas' connections. */
export function useWorkspaces(
  own: TestRedis,
  { policy = POLICIES.default, replicas = 1 }: TestWorkspaceOptions = {},
): (name?: string, policy?: Policy) => Promise<TestWorkspace> {
  const settings = { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS };
  const transitions = Array.from(
    { length: replicas },
    (_, i) => new Transitions(i === 0 ? own.redis : own.connect(), own.keys, settings),
  );
  let made = 0;
  return async (name, ownPolicy = policy) => {
    made += 1;
    const workspace = new TestWorkspace(name ?? `ws-${made}`, own, transitions, ownPolicy);
    await workspace.register();
    return workspace;
  };
}

export class TestWorkspace {
  readonly id: string;
  readonly policy: Policy;
  /** The last attempt that was begun. */
  attempt: BegunReply | undefined;
  /** Now, in virtual time. */
  now = at(0);
  readonly #own: TestRedis;
  readonly #replicas: readonly Transitions[];
  #calls = 0;

  constructor(id: string, own: TestRedis, replicas: readonly Transitions[], policy: Policy) {
    this.id = id;
    this.#own = own;
    this.#replicas = replicas;
    this.policy = policy;
  }

  /** The next replica in turn. */
  get transitions(): Transitions {
    this.#calls += 1;
    return this.#replicas[this.#calls % this.#replicas.length] as Transitions;
  }

  get keys() {
    return this.#own.keys;
  }

  /** Sets the time, ms since virtual zero. */
  at(ms: number): this {
    this.now = at(ms);
    return this;
  }

  register(fields: Record<string, string> = {}) {
    return this.transitions.register({ id: this.id, fields, now: this.now });
  }

  /** A call as the coordinator makes it, for one trigger. */
  call(source: string, more: Partial<TriggerCall> = {}): TriggerCall {
    const one = { count: 1, reasons: [], actors: [], write: false, onHold: "queue", nonce: "" } as const;
    const choice = { otherwise: this.policy, alternatives: [] };
    return { id: this.id, source, choice, ...one, now: this.now, ...more };
  }

  async trigger(source: string, more: Partial<TriggerCall> = {}): Promise<Told> {
    const reply = await this.transitions.trigger(this.call(source, more));
    if (reply.kind === "conflict") throw new Error("unexpected conflict");
    const { first, ...rest } = reply;
    return { ...first, ...rest };
  }

  begin(owner = `worker/${this.#calls}`) {
    return this.transitions.begin({
      id: this.id,
      owner,
      choice: { otherwise: this.policy, alternatives: [] },
      now: this.now,
    });
  }

  /** Begins; fails the test when nothing may begin. */
  async begun(owner?: string): Promise<BegunReply> {
    const reply = await this.begin(owner);
    if (reply.kind !== "begun") throw new Error(`expected ${this.id} to begin, got ${JSON.stringify(reply)}`);
    this.attempt = reply;
    return reply;
  }

  /** Ends the last attempt, or the one whose token is given. */
  async end(outcome: EndCall["outcome"] = "ok", more: Partial<EndCall> = {}) {
    const fencingToken = this.attempt?.fencingToken ?? 0;
    const { retry, budget } = this.policy;
    const call = { id: this.id, fencingToken, outcome, retry, budget, jitter: 0, now: this.now };
    const error = outcome === "failed" || outcome === "declined" ? { error: "it broke" } : {};
    return this.transitions.end({ ...call, ...error, ...more });
  }

  renew(fencingToken = this.attempt?.fencingToken ?? 0, steps: readonly Step[] = []) {
    return this.transitions.renew({ id: this.id, fencingToken, steps, now: this.now });
  }

  journal(journal: string, fencingToken = this.attempt?.fencingToken ?? 0, steps: readonly Step[] = []) {
    return this.transitions.journal({ id: this.id, fencingToken, journal, steps, now: this.now });
  }

  hold(holdMs: number, more: Partial<HoldCall> = {}) {
    return this.transitions.hold({ id: this.id, holdMs, actor: "ann", reason: "demo", ...more, now: this.now });
  }

  release(more: Partial<ReleaseCall> = {}) {
    return this.transitions.release({ id: this.id, actor: "ann", ...more, now: this.now });
  }

  flush() {
    return this.transitions.flush({ id: this.id, actor: "ann", now: this.now });
  }

  cancel() {
    return this.transitions.cancel({ id: this.id, actor: "ann", now: this.now });
  }

  desire(desired: Desire, more: { from?: Desire; cascadeFrom?: string; reason?: string } = {}) {
    return this.transitions.desire({ id: this.id, desired, actor: "ann", ...more, now: this.now });
  }

  markParent(paused: boolean) {
    return this.transitions.markParent({ id: this.id, paused, now: this.now });
  }

  forget() {
    return this.transitions.forget({ id: this.id, actor: "ann", now: this.now });
  }

  /** Begins and ends a restart at once. */
  async cycle(outcome: EndCall["outcome"] = "ok", more: Partial<EndCall> = {}): Promise<BegunReply> {
    const begun = await this.begun();
    expect(await this.end(outcome, more)).toMatchObject({ kind: "ended" });
    return begun;
  }

  view(): Promise<Snapshot> {
    return this.transitions.view(this.id, this.now);
  }

  async state(): Promise<WorkspaceState> {
    return describeWorkspace(this.id, await this.view());
  }

  /** When the due set says that somebody must look. */
  async wakeAt(): Promise<number | undefined> {
    const score = await this.#own.redis.zscore(this.keys.forShard("due", this.keys.shardOf(this.id)), this.id);
    return score === null ? undefined : Number(score);
  }

  /** The activity, oldest first, all of it or the events of one name. */
  async events(name?: string): Promise<RestartEvent[]> {
    const entries = await this.#own.redis.lrange(this.keys.forWorkspace("activity", this.id), 0, -1);
    const events = entries.map((entry) => JSON.parse(entry) as RestartEvent).reverse();
    return name === undefined ? events : events.filter(({ event }) => event === name);
  }

  /** Ms until the key expires; undefined = it does not, null = there is none. */
  async ttl(role: Parameters<TestWorkspace["keys"]["forWorkspace"]>[0]): Promise<number | undefined | null> {
    const ttl = await this.#own.redis.pttl(this.keys.forWorkspace(role, this.id));
    return ttl === -2 ? null : ttl === -1 ? undefined : ttl;
  }
}
