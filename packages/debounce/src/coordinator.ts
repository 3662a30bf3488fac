/**
 * What an API replica needs: it takes triggers and answers with receipts, and tells how a workspace stands. It restarts
 * nothing; that is the worker's side (`cycles.ts`). Holds nothing in memory that correctness needs: any number of
 * replicas may use any number of coordinators on the same Redis.
 */
import { randomBytes } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import { Batcher } from "./batcher.ts";
import { fromRedis, IdempotencyConflictError, InvalidWorkspaceIdError, UnknownSourceError } from "./errors.ts";
import { type Hint, hintOf } from "./hint.ts";
import { createKeySpace, type KeySpace } from "./keys.ts";
import type { Observer } from "./observer.ts";
import { POLICIES, type Policy } from "./policy.ts";
import { choiceFor, factsOf, type PolicyProvider, policyFor, providerOf } from "./policy-set.ts";
import { Registry } from "./registry.ts";
import type { Replication } from "./replication.ts";
import type { Census, Snapshot, TriggerReply, Verdict } from "./transition-types.ts";
import { Transitions } from "./transitions.ts";
import { TriggerBatch } from "./trigger-batch.ts";
import { formatTriggerId, numberedTriggerIds } from "./trigger-id.ts";
import { Verbs } from "./verbs.ts";
import { type Decision, PHASES, type Rule } from "./vocabulary.ts";
import { describeWorkspace, type WorkspaceState } from "./workspace-state.ts";

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

export interface TriggerRequest {
  readonly source: string;
  /** Why, in a line; the newest 32 distinct are kept, 200 bytes each. */
  readonly reason?: string;
  /** Who asked. */
  readonly actor?: string;
  /** The paths that were written; the newest 32 distinct are kept, 200 bytes each. */
  readonly files?: readonly string[];
  /** The trigger reports a write: one that lands while a cycle runs is told as such. */
  readonly write?: boolean;
  /** What a hold does to it: let it pile up (default), refuse it, or be overridden by it. */
  readonly onHold?: "queue" | "refuse" | "override";
  /** The same key with the same body within 24 hours gets the first receipt again. Choose it per caller. */
  readonly idempotency?: { readonly key: string; readonly body: string };
}

export interface Receipt {
  readonly triggerId: string;
  readonly workspaceId: string;
  readonly source: string;
  readonly decision: Decision;
  /** The rule that made the decision; "held" on a refusal means that the caller asked to be refused by a hold. */
  readonly rule: Rule;
  /** What a good cycle must have read to cover this trigger. */
  readonly generation: number;
  /** When the covering cycle may start, ms of Redis' clock, as far as known: it also waits for a running one to end. */
  readonly dueAt: number | undefined;
  /** A cycle was running when the trigger was judged. */
  readonly duringCycle: boolean;
  /** What the source's debounce window has done so far; undefined where none counts, and for the trigger that claimed it. */
  readonly window: SuppressionWindow | undefined;
}

export interface SuppressionWindow {
  /** How long before the decision the window was claimed, ms. */
  readonly lastFireAgoMs: number;
  readonly windowMs: number;
  /** How many triggers of the source it has held back since, coalesced or dropped, this one included. */
  readonly suppressed: number;
}

/** The gate for probes. Times are ms of Redis' clock. */
export interface Restarting {
  readonly restarting: boolean;
  readonly cooling: boolean;
  readonly startedAt: number | undefined;
  readonly cooldownEndsAt: number | undefined;
}

/** 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot. */
export const WORKSPACE_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
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
  /** Names every call of this coordinator, with a number behind it. */
  readonly #nonce = randomBytes(9).toString("base64url");
  #calls = 0;
  #lastBatch:
    | (Required<Pick<TriggerRequest, "source" | "write" | "onHold">> & { workspaceId: string; key: string })
    | undefined;

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
  trigger(workspaceId: string, request: TriggerRequest): Promise<Receipt> {
    // Not async: of a herd, every further promise counts.
    try {
      const key = this.#batchKeyOf(workspaceId, request);
      if (request.idempotency === undefined) return this.#batches.call(key, request);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#triggerTogether(workspaceId, [request]).then(([receipt]) => receipt as Receipt);
  }

  /** What those share that may go together. A herd asks for the same again and again: that is looked at once. */
  #batchKeyOf(workspaceId: string, { source, write = false, onHold = "queue" }: TriggerRequest): string {
    const last = this.#lastBatch;
    const isSame = last?.workspaceId === workspaceId && last.source === source && last.write === write;
    if (isSame && last.onHold === onHold) return last.key;
    assertWorkspaceId(workspaceId);
    this.#assertSource(source);
    const key = `${workspaceId} ${source} ${write} ${onHold}`;
    this.#lastBatch = { workspaceId, source, write, onHold, key };
    return key;
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
    const entries = await this.#redis.lrange(key, 0, limit - 1).catch((error: unknown) => {
      throw fromRedis(error);
    });
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
    this.#calls += 1;
    const nonce = `${this.#nonce}${this.#calls.toString(36)}`;
    const choice = choiceFor(this.#provider.policies, id);
    const batch = new TriggerBatch(id, requests, { choice, nonce, trace: this.#traceparent?.() });
    const reply = await this.transitions.trigger(batch);
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

/** Something that happened, as it is written in the same step as the change it reports. */
export interface RestartEvent {
  /** Of its entry in the shard's stream; rises from event to event. */
  readonly id: string;
  readonly event: string;
  readonly workspace_id: string;
  /** ms of Redis' clock. */
  readonly timestamp: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

export function isWorkspaceId(text: string): boolean {
  return WORKSPACE_ID.test(text);
}

export function assertWorkspaceId(text: string): void {
  if (!isWorkspaceId(text)) throw new InvalidWorkspaceIdError(text);
}

type Judged = Exclude<TriggerReply, { kind: "conflict" }>;

/** One for each of the triggers that were judged together, in their order. */
function receiptsOf(workspaceId: string, source: string, count: number, reply: Judged): Receipt[] {
  const { generation, nonce } = reply;
  // A receipt that is found again keeps its first id.
  const { decision, rule } = reply.first;
  const firstId = formatTriggerId({ decision, rule, generation, nonce, workspaceId });
  const receipts = [receiptOf(firstId, workspaceId, source, reply.first, windowOf(reply, 0, count), reply)];
  if (count === 1) return receipts;
  const idOf = numberedTriggerIds({ ...reply.rest, generation, nonce, workspaceId });
  for (let i = 1; i < count; i += 1) {
    receipts.push(receiptOf(idOf(i), workspaceId, source, reply.rest, windowOf(reply, i, count), reply));
  }
  return receipts;
}

function receiptOf(
  triggerId: string,
  workspaceId: string,
  source: string,
  { decision, rule }: Verdict,
  window: Receipt["window"],
  { generation, dueAt, running }: Judged,
): Receipt {
  return { triggerId, workspaceId, source, decision, rule, generation, dueAt, duringCycle: running, window };
}

/** Undefined where no window counts. Of triggers that arrived together, each is told how many were held back until then. */
function windowOf({ window, rest, now }: Judged, index: number, count: number): Receipt["window"] {
  if (window === undefined || (window.claimed && index === 0)) return undefined;
  const after = rest.decision === "fired" ? 0 : count - 1 - index;
  const { claimedAt, windowMs, suppressed } = window;
  return { lastFireAgoMs: Math.max(0, now - claimedAt), windowMs, suppressed: suppressed - after };
}
