/**
 * The whole life of one workspace as a pure model: what `judge` means for triggers, and the written rules for cycles,
 * retries, the breaker, holds and operators' verbs. It is compared with the scripts, step by step.
 */
import { expect } from "vitest";
import { dueOf, type Owed } from "../../src/policy/due.ts";
import { type Facts, judge } from "../../src/policy/judge.ts";
import { LOOP, NO_BUDGET, type Policy } from "../../src/policy/policy.ts";
import { ignoresQuietHours } from "../../src/policy/policy-set.ts";
import { RULES_OF } from "../../src/vocabulary.ts";
import { ModelBudget } from "./model-budget.ts";
import { ModelEchoes } from "./model-echoes.ts";

export const LEASE_MS = 15_000;

export interface ModelCycle {
  attempt: number;
  startedAt: number;
  leaseEndsAt: number;
  /** Its last attempt failed; it waits for the backoff's end. */
  retrying: boolean;
  action: "restart" | "stop";
  /** When the first trigger of each source it covers arrived. */
  firstAt: Readonly<Record<string, number>>;
  /** How many triggers of each source it covers. */
  covers: Counts;
  /** A worker holds the lease; not after a handover, until somebody takes it. */
  owned: boolean;
  askedToStop: boolean;
  canceled: boolean;
  /** Of a stop that failed: how often, and when it is tried again. */
  stopFailures: number;
  stopRetryAt: number | undefined;
}

export type Counts = Readonly<Record<string, number>>;

export type BeginAnswer =
  | { kind: "idle" }
  | { kind: "busy"; leaseEndsAt: number }
  | { kind: "not-due"; dueAt: number }
  | { kind: "begun"; how: "new" | "retry" | "takeover"; attempt: number; action: "restart" | "stop"; covers: Counts };

const NOTHING: Owed = {
  dueNowAt: undefined,
  quietEndsAt: undefined,
  deadlineAt: undefined,
  ignoreCooldown: false,
  overrideHold: false,
  ignoreQuietHours: false,
  deliberate: false,
  looping: false,
  firstAt: {},
};

export class WorkspaceModel {
  readonly policy: Policy;
  now = 0;
  cycle: ModelCycle | undefined;
  owed: Owed | undefined;
  /** How many triggers of each source are owed. */
  waiting: Counts = {};
  desired: "running" | "paused" = "running";
  parentPaused = false;
  /** A change of the desired state waits to be carried out. */
  desireAt: number | undefined;
  readonly #windows = new Map<string, number>();
  #cooldownEndsAt: number | undefined;
  #failures = 0;
  #declines = 0;
  #backoffEndsAt: number | undefined;
  #breakerOpen = false;
  /** When each hold ends, by its owner. */
  readonly #holds = new Map<string, number>();
  readonly #echoes: ModelEchoes;
  readonly #budget: ModelBudget;

  constructor(policy: Policy) {
    this.policy = policy;
    this.#echoes = new ModelEchoes(policy.loop ?? LOOP);
    this.#budget = new ModelBudget(policy.budget ?? NO_BUDGET);
  }

  get running(): boolean {
    return this.cycle !== undefined && !this.cycle.retrying;
  }

  trigger(source: string, force: boolean) {
    const policy = this.policy.sources[source];
    if (policy === undefined) throw new Error(`no policy for ${source}`);
    const facts = this.#facts(source);
    const trigger = { source, force, ignoresQuietHours: ignoresQuietHours(this.policy, source) };
    const asked = judge(facts, trigger, policy, this.now);
    const isEcho = policy.automatic && isOwed(asked) && !this.owed?.looping && !this.owed?.deliberate;
    const closesLoop = isEcho && !this.#breakerOpen && this.#echoes.hear(source, this.running, this.now);
    const result = closesLoop ? judge(facts, { ...trigger, closesLoop }, policy, this.now) : asked;
    expect(RULES_OF[result.decision], "the vocabulary knows which rules make a decision").toContain(result.rule);
    if (!policy.automatic && isOwed(result)) this.#echoes.forget();
    if (result.claimedUntil !== undefined) this.#windows.set(source, result.claimedUntil);
    this.owed = result.owed;
    if (isOwed(result)) this.waiting = sum(this.waiting, { [source]: 1 });
    if (isOwed(result) && policy.cooldown === "ignore" && !this.running) {
      if (result.supersedes) this.#takeBack();
      this.#forgetFailures();
    }
    return { decision: result.decision, rule: result.rule, dueAt: isOwed(result) ? result.dueAt : undefined };
  }

  begin(): BeginAnswer {
    if (this.running && this.cycle !== undefined) {
      if (this.cycle.leaseEndsAt > this.now) return { kind: "busy", leaseEndsAt: this.cycle.leaseEndsAt };
      return this.#attempt(this.cycle, "takeover");
    }
    if (this.owed !== undefined) this.#budget.reckon(this.now);
    const wakeAt = this.wakeAt();
    if (wakeAt === undefined) return { kind: "idle" };
    if (wakeAt > this.now) return { kind: "not-due", dueAt: wakeAt };
    if (this.cycle !== undefined && !this.#desireIsDue()) return this.#attempt(this.cycle, "retry");
    if (this.cycle !== undefined) this.#supersedeForDesire(this.cycle);
    const action = this.desired === "running" ? "restart" : "stop";
    const leaseEndsAt = this.now + LEASE_MS;
    const firstAt = action === "restart" ? (this.owed?.firstAt ?? {}) : {};
    const covers = action === "restart" ? this.waiting : {};
    this.cycle = {
      covers,
      attempt: 1,
      startedAt: this.now,
      leaseEndsAt,
      retrying: false,
      action,
      firstAt,
      owned: true,
      askedToStop: false,
      canceled: false,
      stopFailures: 0,
      stopRetryAt: undefined,
    };
    if (action === "restart") {
      this.#echoes.restart(this.now, this.policy.cooldownMs, !this.owed?.deliberate && this.desireAt === undefined);
      this.#budget.restart(this.now);
      this.owed = undefined;
      this.waiting = {};
      this.#cooldownEndsAt = this.now + this.policy.cooldownMs;
    }
    this.desireAt = undefined;
    return { kind: "begun", how: "new", attempt: 1, action, covers };
  }

  renew(): boolean {
    if (this.cycle === undefined || this.cycle.retrying || !this.cycle.owned) return false;
    this.cycle.leaseEndsAt = this.now + LEASE_MS;
    return true;
  }

  end(outcome: "ok" | "failed" | "declined" | "canceled" | "handover", retryable: boolean, jitter: number): string {
    const { cycle } = this;
    if (cycle === undefined || cycle.retrying) throw new Error("no attempt to end");
    if (outcome === "handover") {
      cycle.leaseEndsAt = this.now;
      cycle.owned = false;
      return "handover";
    }
    const asked = cycle.canceled && outcome !== "ok" ? "canceled" : outcome;
    // Nobody asked it to stop.
    const told = asked === "canceled" && !cycle.canceled && !cycle.askedToStop ? "failed" : asked;
    const failed = told === "failed" || told === "declined";
    const isRestart = cycle.action === "restart";
    if (failed) this.#fail(cycle, jitter, told === "declined");
    // With the breaker open a restart has one attempt; a stop is tried until it works.
    const tooOften = this.#breakerOpen || this.#failures >= this.policy.retry.breakerAfter;
    const opens = told === "failed" && isRestart && (tooOften || !retryable);
    if (opens) this.#breakerOpen = true;
    if (told === "failed" && !opens) {
      cycle.retrying = true;
      cycle.askedToStop = false;
      return "retry";
    }
    this.cycle = undefined;
    if (isRestart) {
      this.#echoes.ended(told, this.now);
      this.#budget.ended(told, cycle.startedAt, this.now);
    }
    if (told === "ok") this.#forgetFailures();
    else if (cycle.canceled) return told;
    else if (isRestart && (failed || Object.keys(cycle.covers).length > 0)) {
      this.#oweAgain(cycle);
      if (this.owed === undefined) return told;
      if (!opens) this.owed = { ...this.owed, dueNowAt: this.owed.dueNowAt ?? this.now };
      // Nothing automatic starts with the breaker open.
      else if (!this.owed.deliberate)
        this.owed = { ...this.owed, dueNowAt: undefined, quietEndsAt: undefined, deadlineAt: undefined };
    }
    return told;
  }

  hold(owner: string, ms: number): void {
    this.#forgetEndedHolds();
    this.#holds.set(owner, this.now + ms);
    if (this.owed !== undefined) this.owed = { ...this.owed, overrideHold: false };
  }

  release(owner: string | "all"): string {
    this.#forgetEndedHolds();
    const { size } = this.#holds;
    if (owner === "all") this.#holds.clear();
    else this.#holds.delete(owner);
    return this.#holds.size < size ? "released" : "not-held";
  }

  flush(): string {
    if (this.desired !== "running" || this.parentPaused) return "refused";
    const retrying = this.cycle?.retrying === true && this.cycle.action === "restart";
    if (this.owed === undefined && !retrying) return "nothing-owed";
    if (this.#isHeld()) return "held";
    if (this.owed !== undefined) {
      const dueNowAt = Math.min(this.owed.dueNowAt ?? this.now, this.now);
      this.owed = {
        ...this.owed,
        dueNowAt,
        ignoreCooldown: true,
        deliberate: true,
        looping: false,
        ignoreQuietHours: true,
      };
    }
    this.#backoffEndsAt = retrying ? this.now : undefined;
    return "flushed";
  }

  cancel(): string {
    const isRestart = this.cycle?.action === "restart";
    if (this.owed === undefined && !isRestart) return "nothing-owed";
    const { cycle } = this;
    this.owed = undefined;
    this.waiting = {};
    this.#forgetFailures();
    if (cycle !== undefined && isRestart && !cycle.retrying) {
      cycle.canceled = true;
      cycle.askedToStop = true;
      return "stopping";
    }
    if (isRestart) this.cycle = undefined;
    return "canceled";
  }

  desire(desired: "running" | "paused"): string {
    if (this.desired === desired) return "unchanged";
    this.desired = desired;
    this.desireAt = this.now;
    if (this.running && this.cycle !== undefined) this.cycle.askedToStop = true;
    return "accepted";
  }

  /** When somebody must look at the workspace next. */
  wakeAt(): number | undefined {
    const { cycle } = this;
    if (cycle !== undefined && !cycle.retrying) return cycle.leaseEndsAt;
    if (this.#desireIsDue()) return this.desireAt;
    if (cycle?.action === "stop") return cycle.stopRetryAt;
    if (this.desired !== "running" || this.parentPaused) return undefined;
    if (cycle === undefined) return dueOf(this.#facts(""), this.now)?.at;
    const retryAt = this.#backoffEndsAt ?? 0;
    return this.#isHeld() ? Math.max(retryAt, this.#heldUntil ?? 0) : retryAt;
  }

  #attempt(cycle: ModelCycle, how: "takeover" | "retry"): BeginAnswer {
    cycle.attempt += 1;
    cycle.retrying = false;
    cycle.owned = true;
    cycle.leaseEndsAt = this.now + LEASE_MS;
    return { kind: "begun", how, attempt: cycle.attempt, action: cycle.action, covers: cycle.covers };
  }

  #supersedeForDesire(cycle: ModelCycle): void {
    if (cycle.action === "restart") {
      this.#oweAgain(cycle);
      if (this.owed !== undefined) this.owed = { ...this.owed, dueNowAt: this.owed.dueNowAt ?? this.now };
    }
    this.cycle = undefined;
  }

  /** A person superseded the waiting cycle: what it covered joins what that person asked for. */
  #takeBack(): void {
    if (this.cycle !== undefined) this.#oweAgain(this.cycle);
    this.cycle = undefined;
  }

  #oweAgain(cycle: ModelCycle): void {
    const owed = this.owed ?? NOTHING;
    const firstAt: Record<string, number> = { ...owed.firstAt };
    for (const [source, at] of Object.entries(cycle.firstAt)) firstAt[source] = Math.min(at, firstAt[source] ?? at);
    this.owed = { ...owed, firstAt };
    this.waiting = sum(this.waiting, cycle.covers);
  }

  /** A stop may always be carried out, a start only where no ancestor is paused. */
  #desireIsDue(): boolean {
    return this.desireAt !== undefined && (this.desired !== "running" || !this.parentPaused);
  }

  #fail(cycle: ModelCycle, jitter: number, declined: boolean): void {
    const { backoffMs, maxBackoffMs } = this.policy.retry;
    const isRestart = cycle.action === "restart";
    const before = declined ? this.#declines : isRestart ? this.#failures : cycle.stopFailures;
    const failures = before + 1;
    const backoff = Math.min(maxBackoffMs, backoffMs * 2 ** (failures - 1));
    const retryAt = Math.floor(this.now + backoff * (1 - jitter / 2));
    if (isRestart) {
      this.#declines = declined ? failures : 0;
      if (!declined) this.#failures = failures;
      this.#backoffEndsAt = retryAt;
    } else {
      cycle.stopFailures = failures;
      cycle.stopRetryAt = retryAt;
    }
  }

  #forgetFailures(): void {
    this.#failures = 0;
    this.#declines = 0;
    this.#backoffEndsAt = undefined;
    this.#breakerOpen = false;
  }

  #isHeld(): boolean {
    return (this.#heldUntil ?? 0) > this.now;
  }

  get #heldUntil(): number | undefined {
    return this.#holds.size === 0 ? undefined : Math.max(...this.#holds.values());
  }

  #forgetEndedHolds(): void {
    for (const [owner, endsAt] of this.#holds) if (endsAt <= this.now) this.#holds.delete(owner);
  }

  #facts(source: string): Facts {
    return {
      refusal: this.desired === "paused" ? "paused" : this.parentPaused ? "parent-paused" : undefined,
      windowEndsAt: this.#windows.get(source),
      cooldownEndsAt: this.#cooldownEndsAt,
      running: this.running,
      retrying: this.cycle?.retrying === true,
      breakerOpen: this.#breakerOpen,
      backoffEndsAt: this.#backoffEndsAt,
      budgetUntil: this.#budget.until,
      heldUntil: this.#heldUntil,
      quietHours: this.policy.quietHours?.intervals,
      owed: this.owed,
    };
  }
}

function isOwed({ decision }: { readonly decision: string }): boolean {
  return decision === "fired" || decision === "coalesced";
}

function sum(a: Counts, b: Counts): Counts {
  const total: Record<string, number> = { ...a };
  for (const [source, count] of Object.entries(b)) total[source] = (total[source] ?? 0) + count;
  return total;
}
