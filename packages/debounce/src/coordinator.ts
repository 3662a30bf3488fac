/**
 * What an API replica needs: it takes triggers and answers with receipts, and tells how a workspace stands. It restarts
 * nothing; that is the worker's side (`cycles.ts`). Holds nothing in memory that correctness needs: any number of
 * replicas may use any number of coordinators on the same Redis.
 */
import { asked, Batcher, CallNames, type Replication } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { IdempotencyConflictError, UnknownSourceError } from "./errors.ts";
import type { RestartEvent } from "./event.ts";
import { createKeySpace, type KeySpace } from "./installation/keys.ts";
import { assertWorkspaceId } from "./installation/workspace-id.ts";
import { POLICIES, type Policy } from "./policy/policy.ts";
import { choiceFor, factsOf, type PolicyProvider, policyFor, providerOf } from "./policy/policy-set.ts";
import { type Hint, hintOf } from "./transitions/hint.ts";
import type { Observer } from "./transitions/observer.ts";
import { Transitions } from "./transitions/transitions.ts";
import type { Census, Snapshot } from "./transitions/types.ts";
import { type Receipt, receiptsOf } from "./triggers/receipt.ts";
import { triggerCall } from "./triggers/trigger-call.ts";
import type { TriggerRequest } from "./triggers/trigger-request.ts";
import { PHASES } from "./vocabulary.ts";
import { Registry } from "./workspace/registry.ts";
import { Verbs } from "./workspace/verbs.ts";
import { describeWorkspace, type WorkspaceState } from "./workspace/workspace-state.ts";

export interface CoordinatorOptions {
  /** A connection of the caller's own. To fail fast: `enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout`. */
  readonly redis: Redis | Cluster;
  /** In front of every key, inside the hash tag. Default "rc". */
  readonly prefix?: string;
  /** The number of shards, the same at every process. Default 1. */
  readonly shards?: number;
  /** One for all, or a set that may change while the process runs. Default `POLICIES.default`. */
  readonly policy?: Policy | PolicyProvider;
  /** How long activity and an idle workspace's state are kept, ms. Default 7 days. */
  readonly activityTtlMs?: number;
  /** How long a worker may act without a word before another takes over, ms. Default 15,000. */
  readonly leaseMs?: number;
  /** A trigger is acknowledged only once replicas have it. Default: once Redis has it. */
  readonly replication?: Replication;
  /**
   * Told when a worker should look at a workspace, at once or later. Enqueue a hint here; not doing so, or failing,
   * costs a sweep interval and loses nothing. Not awaited.
   */
  readonly onDue?: (hint: Hint) => unknown;
  /** Told what happens, to count it. */
  readonly observer?: Observer;
  /** The trace of whoever triggers now, W3C's `traceparent`: the cycle's worker is told it. Asked in the caller's context. */
  readonly traceparent?: () => string | undefined;
}

/** The gate for probes. Times are ms of Redis' clock. */
export interface Restarting {
  readonly restarting: boolean;
  readonly cooling: boolean;
  readonly startedAt: number | undefined;
  readonly cooldownEndsAt: number | undefined;
}

const MOST_PER_BATCH = 1_000;
const SEVEN_DAYS_MS = 7 * 24 * 60 * 60 * 1_000;

export class RestartCoordinator {
  readonly registry: Registry;
  readonly verbs: Verbs;
  readonly transitions: Transitions;
  readonly keys: KeySpace;
  readonly #redis: Redis | Cluster;
  readonly #provider: PolicyProvider;
  readonly #onDue: ((hint: Hint) => unknown) | undefined;
  readonly #traceparent: (() => string | undefined) | undefined;
  readonly #batches: Batcher<TriggerRequest, Receipt>;
  readonly #names = new CallNames();

  constructor(options: CoordinatorOptions) {
    this.keys = createKeySpace(options.prefix ?? "rc", options.shards ?? 1);
    this.transitions = new Transitions(options.redis, this.keys, {
      leaseMs: options.leaseMs ?? 15_000,
      activityTtlMs: options.activityTtlMs ?? SEVEN_DAYS_MS,
      replication: options.replication,
      observer: options.observer,
    });
    this.registry = new Registry(
      options.redis,
      this.keys,
      this.transitions,
      (hint) => this.#hint(hint),
      (id, snapshot) => this.#describe(id, snapshot),
    );
    this.verbs = new Verbs(this.transitions, (hint) => this.#hint(hint));
    this.#redis = options.redis;
    this.#provider = providerOf(options.policy ?? POLICIES.default);
    this.#onDue = options.onDue;
    this.#traceparent = options.traceparent;
    this.#batches = new Batcher(
      (requests, key) => this.#triggerTogether(key.slice(0, key.indexOf(" ")), requests),
      MOST_PER_BATCH,
    );
  }

  /**
   * Asks for a restart and resolves once Redis has recorded the decision. Concurrent calls for one workspace and source
   * share a round trip. An unknown workspace is refused with the rule `removed`.
   *
   * @throws UnknownSourceError, InvalidWorkspaceIdError, IdempotencyConflictError
   * @throws CoordinatorUnavailableError when Redis did not answer: the trigger may or may not have been recorded
   * @throws NotReplicatedError, one of those: too few replicas have it
   */
  async trigger(workspaceId: string, request: TriggerRequest): Promise<Receipt> {
    assertWorkspaceId(workspaceId);
    this.#assertSource(request.source);
    const { source, write = false, onHold = "queue", idempotency } = request;
    // Those that are alike in all of this may go together.
    if (idempotency === undefined) return this.#batches.call(`${workspaceId} ${source} ${write} ${onHold}`, request);
    const [receipt] = await this.#triggerTogether(workspaceId, [request]);
    return receipt as Receipt;
  }

  /**
   * To be called when the policies have been exchanged: workers then schedule anew what is owed.
   *
   * @throws CoordinatorUnavailableError
   */
  policiesChanged(): Promise<void> {
    return this.transitions.rescheduling.askEverywhere();
  }

  /** Undefined when the workspace is not registered. */
  async workspace(workspaceId: string): Promise<WorkspaceState | undefined> {
    assertWorkspaceId(workspaceId);
    const snapshot = await this.transitions.view(workspaceId);
    return snapshot.workspace.desired === undefined ? undefined : this.#describe(workspaceId, snapshot);
  }

  /** Whether a cycle runs now, or the cooldown after the last one's start; nothing of both for an unknown workspace. */
  async restarting(workspaceId: string): Promise<Restarting> {
    assertWorkspaceId(workspaceId);
    const snapshot = await this.transitions.view(workspaceId);
    const { restart } = this.#describe(workspaceId, snapshot);
    const { cooldownEndsAt } = restart;
    const { cooldownMs } = policyFor(this.#provider.policies, factsOf(workspaceId, snapshot.workspace));
    const cooldownStartedAt = cooldownEndsAt === undefined ? undefined : cooldownEndsAt - cooldownMs;
    return {
      restarting: restart.phase === "running",
      cooling: cooldownEndsAt !== undefined,
      startedAt: restart.startedAt ?? cooldownStartedAt,
      cooldownEndsAt,
    };
  }

  /** What happened to a workspace, newest first, as the events tell it: the newest 200, for a while. */
  async activity(workspaceId: string, limit = 200): Promise<RestartEvent[]> {
    assertWorkspaceId(workspaceId);
    const key = this.keys.forWorkspace("activity", workspaceId);
    const entries = await asked(() => this.#redis.lrange(key, 0, limit - 1));
    return entries.map((entry) => JSON.parse(entry) as RestartEvent);
  }

  /** Counts the workspaces of all shards, without looking at each. */
  async census(): Promise<Census> {
    const shards = Array.from({ length: this.keys.shards }, (_, shard) => this.transitions.census({ shard }));
    const counted = await Promise.all(shards);
    const sum = (of: (one: Census) => number) => counted.reduce((total, one) => total + of(one), 0);
    const phases = Object.fromEntries(PHASES.map((phase) => [phase, sum((one) => one.phases[phase])]));
    return {
      registered: sum(({ registered }) => registered),
      phases: phases as Census["phases"],
      oldestDueAgeMs: Math.max(...counted.map(({ oldestDueAgeMs }) => oldestDueAgeMs)),
    };
  }

  #describe(id: string, snapshot: Snapshot): WorkspaceState {
    return describeWorkspace(
      id,
      snapshot,
      policyFor(this.#provider.policies, factsOf(id, snapshot.workspace)).quietHours,
    );
  }

  get sources(): readonly string[] {
    return Object.keys(this.#provider.policies.common.sources);
  }

  #assertSource(source: string): void {
    if (!Object.hasOwn(this.#provider.policies.common.sources, source)) {
      throw new UnknownSourceError(source, this.sources);
    }
  }

  async #triggerTogether(id: string, requests: readonly TriggerRequest[]): Promise<Receipt[]> {
    const { source, idempotency } = requests[0] as TriggerRequest;
    // Again: the policies may have been exchanged while it waited for its turn.
    this.#assertSource(source);
    const choice = choiceFor(this.#provider.policies, id);
    const call = triggerCall(id, requests, { choice, nonce: this.#names.next(), trace: this.#traceparent?.() });
    const reply = await this.transitions.trigger(call);
    if (reply.kind === "conflict") throw new IdempotencyConflictError(idempotency?.key ?? "");
    const hint = hintOf(id, reply);
    if (hint !== undefined) this.#hint(hint);
    return receiptsOf(id, source, requests.length, reply);
  }

  #hint(hint: Hint): void {
    if (this.#onDue === undefined) return;
    // A hint that does not arrive costs a sweep interval; the trigger is recorded either way.
    void (async () => this.#onDue?.(hint))().catch(() => {});
  }
}
