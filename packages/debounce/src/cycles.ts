/**
 * What a worker needs: it takes the lease of a workspace that is owed a restart, keeps it while a provisioner works, and
 * ends it. At most one worker holds the lease of a workspace; one that lost it can write no state.
 */
import type { Cluster, Redis } from "ioredis";
import { CallNames } from "./call-names.ts";
import { CycleStopAskedError, LeaseLostError } from "./errors.ts";
import { createKeySpace, type KeySpace } from "./keys.ts";
import { LazyAbort } from "./lazy-abort.ts";
import type { Observer } from "./observer.ts";
import { POLICIES, type Policy, type RetryPolicy } from "./policy.ts";
import { choiceFor, factsOf, type PolicyProvider, policyFor, providerOf } from "./policy-set.ts";
import type { Replication } from "./replication.ts";
import { StepRecord } from "./step-record.ts";
import type { BeginReply, BegunReply, DueWorkspace, EndCall, EndReply } from "./transition-types.ts";
import { Transitions } from "./transitions.ts";

export interface CyclesOptions {
  /** A connection that waits for Redis to come back: `maxRetriesPerRequest: null`. */
  readonly redis: Redis | Cluster;
  /** The same as the coordinators'. Default "rc". */
  readonly prefix?: string;
  /** The same as the coordinators'. Default 1. */
  readonly shards?: number;
  /** One for all, or a set that may change while the process runs; cooldown and retries are used. Default `POLICIES.default`. */
  readonly policy?: Pick<Policy, "cooldownMs" | "retry" | "budget"> | PolicyProvider;
  /** How long a worker may act without a word before another takes over, ms. Default 15,000. */
  readonly leaseMs?: number;
  /** A cycle begins only once replicas have its lease. Default: once Redis has it. */
  readonly replication?: Replication;
  /** How long activity and an idle workspace's state are kept, ms. Default 7 days. */
  readonly activityTtlMs?: number;
  /** Names this worker in the records. */
  readonly worker: string;
  /** Told what happens, to count it. */
  readonly observer?: Observer;
}

export type Begun =
  | Exclude<BeginReply, BegunReply>
  | { readonly kind: "begun"; readonly lease: CycleLease }
  /** Too few replicas have it: the lease was given up, and nobody takes it before `dueAt`. */
  | { readonly kind: "not-replicated"; readonly dueAt: number };

const SEVEN_DAYS_MS = 7 * 24 * 60 * 60 * 1_000;
const SWEEP_BATCH = 100;
/** Replicas that are away seldom come back sooner; a workspace that waits for them costs one look per pause. */
const NOT_REPLICATED_PAUSE_MS = 1_000;

export class Cycles {
  readonly keys: KeySpace;
  readonly transitions: Transitions;
  readonly #options: CyclesOptions;
  readonly #provider: PolicyProvider;
  readonly #leaseMs: number;
  readonly #names = new CallNames();

  constructor(options: CyclesOptions) {
    this.#options = options;
    this.#provider = providerOf(options.policy ?? POLICIES.default);
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.keys = createKeySpace(options.prefix ?? "rc", options.shards ?? 1);
    this.transitions = new Transitions(options.redis, this.keys, {
      leaseMs: this.#leaseMs,
      activityTtlMs: options.activityTtlMs ?? SEVEN_DAYS_MS,
      replication: options.replication,
      observer: options.observer,
    });
  }

  /** Takes the lease if a cycle is due: a new one, a retry, or one that a dead worker left. */
  async begin(workspaceId: string): Promise<Begun> {
    const sentAt = performance.now();
    const owner = `${this.#options.worker}/${this.#names.next()}`;
    const { policies } = this.#provider;
    const reply = await this.transitions.begin({ id: workspaceId, owner, choice: choiceFor(policies, workspaceId) });
    if (reply.kind !== "begun") return reply;
    const policy = policyFor(policies, factsOf(workspaceId, reply.workspace));
    if (!reply.isReplicated) return this.#giveUp(workspaceId, reply, policy);
    const lease = new CycleLease(workspaceId, reply, {
      transitions: this.transitions,
      policy,
      leaseMs: this.#leaseMs,
      sentAt,
      names: this.#names,
    });
    return { kind: "begun", lease };
  }

  async #giveUp(id: string, { fencingToken, now }: BegunReply, { retry }: Policy): Promise<Begun> {
    const pauseMs = NOT_REPLICATED_PAUSE_MS;
    const ended = await this.transitions.end({ id, fencingToken, outcome: "handover", pauseMs, retry, jitter: 0 });
    return { kind: "not-replicated", dueAt: ended.kind === "lost" ? now : (ended.dueAt ?? now) };
  }

  /**
   * Yields what is due on a shard and has no live worker, in bounded batches. What was yielded once is not yielded
   * again for `rehintMs`, by any worker: give it longer than a hint may wait in the queue.
   */
  async *sweep(shard: number, rehintMs: number): AsyncGenerator<DueWorkspace> {
    for (let offset = 0; ; offset += SWEEP_BATCH) {
      const { due, looked } = await this.transitions.sweep({ shard, offset, count: SWEEP_BATCH, rehintMs });
      yield* due;
      if (looked < SWEEP_BATCH) return;
    }
  }
}

/** How an attempt ended, as its worker saw it. */
export type AttemptResult =
  | { readonly outcome: "ok"; readonly instance?: Readonly<Record<string, unknown>> }
  /** `retryAfterMs`: trying again sooner is pointless; the backoff starts from there if it is longer. */
  | {
      readonly outcome: "failed";
      readonly error: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly outcome: "declined"; readonly error: string }
  | { readonly outcome: "canceled" }
  /** The worker goes down: the next one takes the same cycle over at once. */
  | { readonly outcome: "handover" };

/** What a lease is made of, beside the cycle that Redis handed out. */
interface LeaseParts {
  readonly transitions: Transitions;
  readonly policy: Pick<Policy, "cooldownMs" | "retry" | "budget">;
  readonly leaseMs: number;
  /** When `begin` was sent, by this process' own clock. */
  readonly sentAt: number;
  readonly names: CallNames;
}

/** The right to act for one workspace, renewed in the background until it ends or is lost. */
export class CycleLease {
  readonly workspaceId: string;
  readonly cycle: BegunReply;
  readonly #lost = new LazyAbort();
  readonly #parts: LeaseParts;
  readonly #steps: StepRecord;
  #stopAsked: boolean;
  #ended = false;
  #renewal: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(workspaceId: string, cycle: BegunReply, parts: LeaseParts) {
    this.workspaceId = workspaceId;
    this.cycle = cycle;
    this.#parts = parts;
    this.#stopAsked = cycle.stopAsked;
    this.#steps = new StepRecord(cycle.now);
    this.#expectExpiry(parts.sentAt);
    this.#renewLater();
  }

  /** Fires when the lease is lost: begin no further side effect. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  get isLost(): boolean {
    return this.#lost.aborted;
  }

  /** The same as the signal, for less. */
  onLost(listener: (reason: unknown) => void): void {
    this.#lost.onAbort(listener);
  }

  /** Somebody wants this cycle to stop at its next safe point. */
  get stopAsked(): boolean {
    return this.#stopAsked;
  }

  /** Throws when the cycle was asked to stop. */
  safePoint(): void {
    if (this.#stopAsked) throw new CycleStopAskedError(this.workspaceId, this.cycle.cycleId);
  }

  /** Notes what is done now, for the record of the attempt. */
  step(name: string, detail?: Readonly<Record<string, unknown>>): void {
    this.#steps.add(name, detail);
  }

  /** Writes the journal, fenced. @throws LeaseLostError: the side effect it announces must not be made. */
  async record(journal: string): Promise<void> {
    this.#lost.throwIfAborted();
    const sentAt = performance.now();
    const { fencingToken } = this.cycle;
    const steps = this.#steps.soFar();
    const reply = await this.#parts.transitions.journal({ id: this.workspaceId, fencingToken, journal, steps });
    if (reply.kind === "lost") throw this.#lose();
    this.#heldSince(sentAt, reply.stopAsked);
    this.#lost.throwIfAborted();
  }

  /** Ends the attempt. "lost" when another worker holds the lease: then nothing was written. */
  async end(result: AttemptResult): Promise<EndReply> {
    this.#ended = true;
    this.#clearTimers();
    const { fencingToken } = this.cycle;
    const call: EndCall = {
      id: this.workspaceId,
      fencingToken,
      retry: this.#retryAfter(result),
      budget: this.#parts.policy.budget,
      jitter: Math.random(),
      steps: this.#steps.finish(),
      nonce: this.#parts.names.next(),
      ...result,
    };
    return this.#parts.transitions.end(call);
  }

  #retryAfter(result: AttemptResult): RetryPolicy {
    const { retry } = this.#parts.policy;
    const leastMs = result.outcome === "failed" ? result.retryAfterMs : undefined;
    if (leastMs === undefined) return retry;
    const backoffMs = Math.max(retry.backoffMs, leastMs);
    return { ...retry, backoffMs, maxBackoffMs: Math.max(retry.maxBackoffMs, leastMs) };
  }

  /** Stops renewing without a word to Redis: for a worker that must go at once. The lease then runs out by itself. */
  abandon(): void {
    this.#ended = true;
    this.#clearTimers();
  }

  #renewLater(): void {
    this.#renewal = setTimeout(() => void this.#renew(), this.#parts.leaseMs / 3);
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now();
    const { fencingToken } = this.cycle;
    try {
      // Should this worker die, the activity has what it did until here.
      const steps = this.#steps.soFar();
      const reply = await this.#parts.transitions.renew({ id: this.workspaceId, fencingToken, steps });
      if (this.#ended) return;
      if (reply.kind === "lost") {
        this.#lose();
        return;
      }
      this.#heldSince(sentAt, reply.stopAsked);
    } catch {
      // Redis is away: the next renewal may reach it. If none does, the lease expires here as it does there.
    }
    if (!this.#ended && !this.#lost.aborted) this.#renewLater();
  }

  #heldSince(sentAt: number, stopAsked: boolean): void {
    this.#stopAsked ||= stopAsked;
    this.#expectExpiry(sentAt);
  }

  /** Redis counts from when it got the command, which is later than when it was sent: this side is never later. */
  #expectExpiry(sentAt: number): void {
    clearTimeout(this.#expiry);
    if (this.#ended) return;
    this.#expiry = setTimeout(() => this.#lose(), Math.max(0, sentAt + this.#parts.leaseMs - performance.now()));
  }

  #lose(): LeaseLostError {
    const error = new LeaseLostError(this.workspaceId, this.cycle.cycleId);
    this.#clearTimers();
    this.#lost.abort(error);
    return error;
  }

  #clearTimers(): void {
    clearTimeout(this.#renewal);
    clearTimeout(this.#expiry);
  }
}
