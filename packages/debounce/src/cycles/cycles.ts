/**
 * What a worker needs: it takes the lease of a workspace that is owed a restart, keeps it while a provisioner works, and
 * ends it. At most one worker holds the lease of a workspace; one that lost it can write no state.
 */
import { asked, CallNames, type Replication } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createKeySpace, type KeySpace } from "../installation/keys.ts";
import { POLICIES, type Policy } from "../policy/policy.ts";
import { choiceFor, factsOf, type PolicyProvider, policyFor, providerOf } from "../policy/policy-set.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { Observer } from "../transitions/observer.ts";
import { Transitions } from "../transitions/transitions.ts";
import type { BeginReply, BegunReply, DueWorkspace } from "../transitions/types.ts";
import { CycleLease } from "./cycle-lease.ts";

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
const RESCHEDULE_BATCH = 100;
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

  /** To be called when the policies have been exchanged: workers then schedule anew what is owed. */
  policiesChanged(): Promise<void> {
    return this.transitions.rescheduling.askEverywhere();
  }

  /**
   * Schedules anew what is owed on a shard, in bounded batches, if some process has other policies than before and none
   * has asked for `settleMs`. One worker does it. Yields the hints for what somebody must look at sooner.
   */
  async *reschedule(shard: number, settleMs: number): AsyncGenerator<Hint> {
    const { redis, worker: owner } = this.#options;
    const due = this.keys.forShard("due", shard);
    const taken = await this.transitions.rescheduling.take({ shard, owner, settleMs });
    let turn = taken;
    let cursor = "0";
    while (turn.kind === "yours") {
      const [next, found] = await asked(() => redis.zscan(due, cursor, "COUNT", RESCHEDULE_BATCH));
      yield* await this.#rescheduled(found.filter((_, index) => index % 2 === 0));
      if (next === "0") break;
      cursor = next;
      turn = await this.transitions.rescheduling.take({ shard, owner, settleMs });
    }
    // What was asked for meanwhile is done again: some of it may have been scheduled by what others had before.
    if (turn.kind === "yours" && taken.kind === "yours") {
      await this.transitions.rescheduling.end({ shard, owner, askedAt: taken.askedAt });
    }
  }

  async #rescheduled(ids: readonly string[]): Promise<Hint[]> {
    const { policies } = this.#provider;
    const moved = ids.map(async (id) => {
      const woken = await this.transitions.rescheduling.reschedule({ id, choice: choiceFor(policies, id) });
      return hintOf(id, woken) ?? [];
    });
    return (await Promise.all(moved)).flat();
  }
}
