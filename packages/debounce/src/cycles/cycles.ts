/**
 * What a worker needs: it takes the lease of a workspace that is owed a restart, keeps it while a provisioner works, and
 * ends it. At most one worker holds the lease of a workspace; one that lost it can write no state.
 */
import { asked, CallNames } from "@restart-coordinator/redis-scripts";
import { needFields, needKind, needMs, needText, needWhole } from "../checks.ts";
import type { EffectiveSpec } from "../drift/spec-fields.ts";
import type { Installation } from "../installation/installation.ts";
import type { Policy } from "../policy/policy.ts";
import { choiceFor, factsOf, policyFor } from "../policy/policy-set.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { BeginReply, BegunReply, DueWorkspace } from "../transitions/types.ts";
import { assertWorkspaceId } from "../workspace-id.ts";
import { CycleLease } from "./cycle-lease.ts";

export interface CyclesOptions {
  /** Names this worker in the records, 1 to 200 characters. */
  readonly worker: string;
  /** Lays a spec over this worker's defaults, so that a change of those is seen as drift, too. */
  readonly effectiveSpec?: EffectiveSpec | undefined;
}

export type Begun =
  | Exclude<BeginReply, BegunReply>
  | { readonly kind: "begun"; readonly lease: CycleLease }
  /** Too few replicas have it: the lease was given up, and nobody takes it before `dueAt`. */
  | { readonly kind: "not-replicated"; readonly dueAt: number };

const SWEEP_BATCH = 100;
const RESCHEDULE_BATCH = 100;
/** Replicas that are away seldom come back sooner; a workspace that waits for them costs one look per pause. */
const NOT_REPLICATED_PAUSE_MS = 1_000;

export class Cycles {
  readonly installation: Installation;
  readonly #worker: string;
  readonly #effectiveSpec: EffectiveSpec | undefined;
  readonly #names = new CallNames();

  /** @throws InvalidArgumentError for an option that is unknown or of another kind */
  constructor(installation: Installation, options: CyclesOptions) {
    needFields("the options of cycles", options, ["worker", "effectiveSpec"]);
    needText("worker", options.worker, 200);
    needKind("effectiveSpec", options.effectiveSpec, "function");
    this.#effectiveSpec = options.effectiveSpec;
    this.installation = installation;
    this.#worker = options.worker;
  }

  /**
   * Takes the lease if a cycle is due: a new one, a retry, or one that a dead worker left.
   *
   * @throws InvalidWorkspaceIdError, CoordinatorUnavailableError
   */
  async begin(workspaceId: string): Promise<Begun> {
    assertWorkspaceId(workspaceId);
    const sentAt = performance.now();
    const owner = `${this.#worker}/${this.#names.next()}`;
    const { policies, transitions, leaseMs } = this.installation;
    const reply = await transitions.begin({ id: workspaceId, owner, choice: choiceFor(policies, workspaceId) });
    if (reply.kind !== "begun") return reply;
    const policy = policyFor(policies, factsOf(workspaceId, reply.workspace));
    if (!reply.isReplicated) return this.#giveUp(workspaceId, reply, policy);
    const lease = new CycleLease(workspaceId, reply, {
      transitions,
      policy,
      leaseMs,
      sentAt,
      names: this.#names,
      effectiveSpec: this.#effectiveSpec,
    });
    return { kind: "begun", lease };
  }

  async #giveUp(id: string, { fencingToken, now }: BegunReply, { retry }: Policy): Promise<Begun> {
    const pauseMs = NOT_REPLICATED_PAUSE_MS;
    const ended = await this.installation.transitions.end({
      id,
      fencingToken,
      outcome: "handover",
      pauseMs,
      retry,
      jitter: 0,
    });
    return { kind: "not-replicated", dueAt: ended.kind === "lost" ? now : (ended.dueAt ?? now) };
  }

  /**
   * Yields what is due on a shard and has no live worker, in bounded batches. What was yielded once is not yielded
   * again for `rehintMs`, by any worker: give it longer than a hint may wait in the queue.
   *
   * @throws InvalidArgumentError, CoordinatorUnavailableError
   */
  async *sweep(shard: number, rehintMs: number): AsyncGenerator<DueWorkspace> {
    const { transitions, keys } = this.installation;
    needWhole("shard", shard, 0, keys.shards - 1);
    needMs("rehintMs", rehintMs, 0, Number.MAX_SAFE_INTEGER);
    for (let offset = 0; ; offset += SWEEP_BATCH) {
      const { due, looked } = await transitions.sweep({ shard, offset, count: SWEEP_BATCH, rehintMs });
      yield* due;
      if (looked < SWEEP_BATCH) return;
    }
  }

  /** To be called when the policies have been exchanged: workers then schedule anew what is owed. */
  policiesChanged(): Promise<void> {
    return this.installation.transitions.rescheduling.askEverywhere();
  }

  /**
   * Schedules anew what is owed on a shard, in bounded batches, if some process has other policies than before and none
   * has asked for `settleMs`. One worker does it. Yields the hints for what somebody must look at sooner.
   *
   * @throws InvalidArgumentError, CoordinatorUnavailableError
   */
  async *reschedule(shard: number, settleMs: number): AsyncGenerator<Hint> {
    const { redis, keys, transitions } = this.installation;
    needWhole("shard", shard, 0, keys.shards - 1);
    needMs("settleMs", settleMs, 0);
    const owner = this.#worker;
    // What is held, with nothing owed, is in no due set.
    const sets = [keys.forShard("due", shard), keys.forShard("phases", shard)];
    const taken = await transitions.rescheduling.take({ shard, owner, settleMs });
    let turn = taken;
    let cursor = "0";
    while (turn.kind === "yours" && sets[0] !== undefined) {
      const [set] = sets;
      const [next, found] = await asked(() => redis.zscan(set, cursor, "COUNT", RESCHEDULE_BATCH));
      yield* await this.#rescheduled(found.filter((_, index) => index % 2 === 0));
      if (next === "0") sets.shift();
      cursor = next;
      if (sets.length > 0) turn = await transitions.rescheduling.take({ shard, owner, settleMs });
    }
    // What was asked for meanwhile is done again: some of it may have been scheduled by what others had before.
    if (turn.kind === "yours" && taken.kind === "yours") {
      await transitions.rescheduling.end({ shard, owner, askedAt: taken.askedAt });
    }
  }

  async #rescheduled(ids: readonly string[]): Promise<Hint[]> {
    const { policies, transitions } = this.installation;
    const moved = ids.map(async (id) => {
      const woken = await transitions.rescheduling.reschedule({ id, choice: choiceFor(policies, id) });
      return hintOf(id, woken) ?? [];
    });
    return (await Promise.all(moved)).flat();
  }
}
