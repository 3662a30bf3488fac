/**
 * What an API replica needs: it takes triggers and answers with receipts, and tells how a workspace stands. It restarts
 * nothing; that is the worker's side (`cycles.ts`). Holds nothing in memory that correctness needs: any number of
 * replicas may use any number of coordinators on the same Redis.
 */
import { asked, Batcher, CallNames } from "@restart-coordinator/redis-scripts";
import { needFields, needKind, needWhole } from "./checks.ts";
import { driftReason } from "./drift/drift-reason.ts";
import { IdempotencyConflictError, UnknownSourceError } from "./errors.ts";
import type { RestartEvent } from "./event.ts";
import type { Installation } from "./installation/installation.ts";
import { choiceFor, factsOf, policyFor } from "./policy/policy-set.ts";
import { type Hint, hintOf } from "./transitions/hint.ts";
import type { Census } from "./transitions/types.ts";
import { type Receipt, receiptsOf } from "./triggers/receipt.ts";
import { triggerCall } from "./triggers/trigger-call.ts";
import { checkTriggerRequest, type TriggerRequest } from "./triggers/trigger-request.ts";
import { PHASES } from "./vocabulary.ts";
import { type RegisterOptions, type RegisterResult, Registry, type WorkspaceEntry } from "./workspace/registry.ts";
import { Verbs } from "./workspace/verbs.ts";
import { describeWorkspace, type WorkspaceState } from "./workspace/workspace-state.ts";
import { assertWorkspaceId } from "./workspace-id.ts";

export interface CoordinatorOptions {
  /**
   * Told when a worker should look at a workspace, at once or later. Enqueue a hint here; not doing so, or failing,
   * costs a sweep interval and loses nothing. Not awaited.
   */
  readonly onDue?: ((hint: Hint) => unknown) | undefined;
  /** The trace of whoever triggers now, W3C's `traceparent`: the cycle's worker is told it. Asked in the caller's context. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

export interface RegisterAsking extends RegisterOptions {
  /** Who registers it. */
  readonly actor: string;
}

export interface Registered {
  readonly result: RegisterResult;
  /** Of the restart that the changed spec asks for. */
  readonly receipt: Receipt | undefined;
}

/** The gate for probes. Times are ms of Redis' clock. */
export interface Restarting {
  readonly restarting: boolean;
  readonly cooling: boolean;
  readonly startedAt: number | undefined;
  readonly cooldownEndsAt: number | undefined;
}

const MOST_PER_BATCH = 1_000;
const MOST_ACTIVITY = 200;

export class RestartCoordinator {
  readonly registry: Registry;
  readonly verbs: Verbs;
  readonly installation: Installation;
  readonly #options: CoordinatorOptions;
  readonly #batches: Batcher<TriggerRequest, Receipt>;
  readonly #names = new CallNames();

  /** @throws InvalidArgumentError for an option that is unknown or of another kind */
  constructor(installation: Installation, options: CoordinatorOptions = {}) {
    needFields("the options of a coordinator", options, ["onDue", "traceparent"]);
    needKind("onDue", options.onDue, "function");
    needKind("traceparent", options.traceparent, "function");
    const hint = (one: Hint) => this.#hint(one);
    this.installation = installation;
    this.#options = options;
    this.registry = new Registry(installation, hint);
    this.verbs = new Verbs(installation.transitions, hint);
    this.#batches = new Batcher(
      (requests, key) => this.#triggerTogether(key.slice(0, key.indexOf(" ")), requests),
      MOST_PER_BATCH,
    );
  }

  /**
   * Asks for a restart and resolves once Redis has recorded the decision. Concurrent calls for one workspace and source
   * share a round trip. An unknown workspace is refused with the rule `removed`.
   *
   * @throws InvalidArgumentError, UnknownSourceError, InvalidWorkspaceIdError, IdempotencyConflictError
   * @throws CoordinatorUnavailableError when Redis did not answer: the trigger may or may not have been recorded
   * @throws NotReplicatedError, one of those: too few replicas have it
   */
  async trigger(workspaceId: string, request: TriggerRequest): Promise<Receipt> {
    assertWorkspaceId(workspaceId);
    checkTriggerRequest(request);
    this.#assertSource(request.source);
    const { source, write = false, onHold = "queue", seenFence, idempotency } = request;
    // Those that are alike in all of this may go together.
    const mayShare = idempotency === undefined && seenFence === undefined;
    if (mayShare) return this.#batches.call(`${workspaceId} ${source} ${write} ${onHold}`, request);
    const [receipt] = await this.#triggerTogether(workspaceId, [request]);
    return receipt as Receipt;
  }

  /**
   * Registers a workspace, or updates its entry. A changed spec of one that runs owes a restart, which is asked for with the
   * source `spec-change`; the reason names the fields, never their values.
   *
   * @throws InvalidArgumentError, InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async register(id: string, entry: WorkspaceEntry, options: RegisterAsking): Promise<Registered> {
    needFields("the options of a registration", options, ["actor", "restart"]);
    const { actor, restart = true } = options;
    const result = await this.registry.register(id, entry, { restart });
    if (result.kind !== "updated" || result.drift.length === 0 || !restart) return { result, receipt: undefined };
    const request = { source: "spec-change", reason: driftReason(result.drift), actor };
    return { result, receipt: await this.trigger(id, request) };
  }

  /**
   * To be called when the policies have been exchanged: workers then schedule anew what is owed.
   *
   * @throws CoordinatorUnavailableError
   */
  policiesChanged(): Promise<void> {
    return this.installation.transitions.rescheduling.askEverywhere();
  }

  /** Undefined when the workspace is not registered. @throws InvalidWorkspaceIdError, CoordinatorUnavailableError */
  workspace(workspaceId: string): Promise<WorkspaceState | undefined> {
    return this.registry.get(workspaceId);
  }

  /**
   * Whether a cycle runs now, or the cooldown after the last one's start; nothing of both for an unknown workspace.
   *
   * @throws InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async restarting(workspaceId: string): Promise<Restarting> {
    assertWorkspaceId(workspaceId);
    const { transitions, policies } = this.installation;
    const snapshot = await transitions.view(workspaceId);
    const { cooldownMs, quietHours } = policyFor(policies, factsOf(workspaceId, snapshot.workspace));
    const { phase, startedAt, cooldownEndsAt } = describeWorkspace(workspaceId, snapshot, quietHours).restart;
    const cooldownStartedAt = cooldownEndsAt === undefined ? undefined : cooldownEndsAt - cooldownMs;
    return {
      restarting: phase === "running",
      cooling: cooldownEndsAt !== undefined,
      startedAt: startedAt ?? cooldownStartedAt,
      cooldownEndsAt,
    };
  }

  /**
   * What happened to a workspace, newest first, as the events tell it: the newest 200, for a while.
   *
   * @throws InvalidArgumentError, InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async activity(workspaceId: string, limit = MOST_ACTIVITY): Promise<RestartEvent[]> {
    assertWorkspaceId(workspaceId);
    needWhole("limit", limit, 1, MOST_ACTIVITY);
    const { redis, keys } = this.installation;
    const entries = await asked(() => redis.lrange(keys.forWorkspace("activity", workspaceId), 0, limit - 1));
    return entries.map((entry) => JSON.parse(entry) as RestartEvent);
  }

  /** Counts the workspaces of all shards, without looking at each. @throws CoordinatorUnavailableError */
  async census(): Promise<Census> {
    const { keys, transitions } = this.installation;
    const shards = Array.from({ length: keys.shards }, (_, shard) => transitions.census({ shard }));
    const counted = await Promise.all(shards);
    const sum = (of: (one: Census) => number) => counted.reduce((total, one) => total + of(one), 0);
    const phases = Object.fromEntries(PHASES.map((phase) => [phase, sum((one) => one.phases[phase])]));
    return {
      registered: sum(({ registered }) => registered),
      phases: phases as Census["phases"],
      oldestDueAgeMs: Math.max(...counted.map(({ oldestDueAgeMs }) => oldestDueAgeMs)),
      down: sum(({ down }) => down),
      observationAgeMs: oldestOf(counted.map(({ observationAgeMs }) => observationAgeMs)),
    };
  }

  /** Tells the time by Redis' clock, which every time here is of, ms. @throws CoordinatorUnavailableError */
  async now(): Promise<number> {
    const [seconds, microseconds] = await asked(() => this.installation.redis.time());
    return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  }

  /** The sources that a trigger may name. */
  get sources(): readonly string[] {
    return Object.keys(this.installation.policies.common.sources);
  }

  #assertSource(source: string): void {
    if (!Object.hasOwn(this.installation.policies.common.sources, source)) {
      throw new UnknownSourceError(source, this.sources);
    }
  }

  async #triggerTogether(id: string, requests: readonly TriggerRequest[]): Promise<Receipt[]> {
    const { source, idempotency } = requests[0] as TriggerRequest;
    // Again: the policies may have been exchanged while it waited for its turn.
    this.#assertSource(source);
    const choice = choiceFor(this.installation.policies, id);
    const call = triggerCall(id, requests, { choice, nonce: this.#names.next(), trace: this.#options.traceparent?.() });
    const reply = await this.installation.transitions.trigger(call);
    if (reply.kind === "conflict") throw new IdempotencyConflictError(idempotency?.key ?? "");
    const hint = hintOf(id, reply);
    if (hint !== undefined) this.#hint(hint);
    return receiptsOf(id, source, requests.length, reply);
  }

  #hint(hint: Hint): void {
    const { onDue } = this.#options;
    if (onDue === undefined) return;
    // A hint that does not arrive costs a sweep interval; the trigger is recorded either way.
    void (async () => onDue(hint))().catch(() => {});
  }
}

function oldestOf(ages: readonly (number | undefined)[]): number | undefined {
  const known = ages.filter((age) => age !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
