/**
 * The observed world: workers look at every workspace and record what they see. A workspace that should run and does not
 * is asked to be restarted by an ordinary trigger; nothing here restarts or stops anything.
 */
import { needFields, needKind, needMs, needOneOf, needText, needWhole } from "../checks.ts";
import type { RestartCoordinator } from "../coordinator.ts";
import { driftReason } from "../drift/drift-reason.ts";
import { driftOf, type EffectiveSpec, type Spec, targetOf, type UsedSpec, usedSpecOf } from "../drift/spec-fields.ts";
import type { Installation } from "../installation/installation.ts";
import { type BuiltInSource, OBSERVE, type ObservePolicy, type Policy } from "../policy/policy.ts";
import { factsOf, policyFor } from "../policy/policy-set.ts";
import { type Hint, hintOf } from "../transitions/hint.ts";
import type { Facts, ObserveReply } from "../transitions/types.ts";
import { keptText } from "../triggers/why.ts";
import { assertWorkspaceId } from "../workspace-id.ts";

/** What was seen of a workspace. */
export interface Sighting {
  /** `unhealthy`: something runs and does not serve. `unknown`: it cannot be told now, or not from here. */
  readonly seen: "online" | "unhealthy" | "offline" | "unknown";
  /** What was seen, in a line that is the same whenever the same is found: it is the reason of the restart. */
  readonly detail: string;
  /** A second look could find nothing else: whoever knows for certain has said so. */
  readonly isCertain?: boolean;
  /** What runs carries our marks, so that it may be stopped. */
  readonly isOurs?: boolean;
  /** What runs, where that is ours and another than the recorded one. */
  readonly instance?: Readonly<Record<string, unknown>>;
  /** What runs of it that is not ours, in a line. */
  readonly stray?: string;
}

/** One look at one workspace: what is recorded, and the policy by which what is seen is judged. */
export interface Look {
  readonly workspaceId: string;
  /** When it began, ms of Redis' clock. */
  readonly lookedAt: number;
  readonly facts: Facts;
  readonly policy: ObservePolicy;
}

export interface ObservationsOptions {
  /** Who looks, for the records, 1 to 200 characters. */
  readonly actor: string;
  /** Told when a worker should look, as a coordinator's `onDue` is: what should not run is to be stopped. */
  readonly onDue?: ((hint: Hint) => unknown) | undefined;
  /** Lays a spec over this worker's defaults, as for `Cycles`. */
  readonly effectiveSpec?: EffectiveSpec | undefined;
}

export type Recorded = ObserveReply | { readonly kind: "nothing" };

const MOST_AT_A_TURN = 200;
const SIGHTINGS = ["online", "unhealthy", "offline", "unknown"] as const;

export class Observations {
  readonly #installation: Installation;
  readonly #coordinator: RestartCoordinator;
  readonly #options: ObservationsOptions;

  /** @throws InvalidArgumentError for an option that is unknown or of another kind */
  constructor(coordinator: RestartCoordinator, options: ObservationsOptions) {
    needFields("the options of observations", options, ["actor", "onDue", "effectiveSpec"]);
    needText("actor", options.actor, 200);
    needKind("onDue", options.onDue, "function");
    needKind("effectiveSpec", options.effectiveSpec, "function");
    this.#installation = coordinator.installation;
    this.#coordinator = coordinator;
    this.#options = options;
  }

  /** A turn may be as long: whoever gets one asks again. */
  readonly mostAtATurn = MOST_AT_A_TURN;

  shardOf(workspaceId: string): number {
    return this.#installation.keys.shardOf(workspaceId);
  }

  /**
   * Whose turn it is on a shard: each once in `intervalMs`, whichever workers ask; at most 200 at a time. Ask often, for
   * what is not asked for long comes in no burst.
   *
   * @throws InvalidArgumentError, CoordinatorUnavailableError
   */
  async turn(shard: number, intervalMs: number): Promise<Look[]> {
    needWhole("shard", shard, 0, this.#installation.keys.shards - 1);
    needMs("intervalMs", intervalMs);
    const { observing } = this.#installation.transitions;
    const { ids } = await observing.turn({ shard, intervalMs, most: MOST_AT_A_TURN });
    return Promise.all(ids.map((id) => this.#look(id)));
  }

  /** Says of a shard that nobody looks from here on: `online` is then what the last cycle left. */
  async stop(shard: number): Promise<void> {
    needWhole("shard", shard, 0, this.#installation.keys.shards - 1);
    await this.#installation.transitions.observing.turn({ shard, intervalMs: 0, most: 0 });
  }

  /** A look out of turn. @throws InvalidWorkspaceIdError, CoordinatorUnavailableError */
  async look(workspaceId: string): Promise<Look> {
    assertWorkspaceId(workspaceId);
    return this.#look(workspaceId);
  }

  /** Whether there is anything to look at: not while a cycle acts, nor at what the platform does not run. */
  isWorthwhile({ facts }: Look): boolean {
    return facts.desired !== undefined && !facts.busy && facts.runtime !== "external";
  }

  /** Whether the platform runs it no more, and something is still told of how it was seen: `record` then clears that. */
  isLeft({ facts: { runtime, seenAt, downAt, stray } }: Look): boolean {
    return runtime === "external" && (seenAt ?? downAt ?? stray) !== undefined;
  }

  /** Whether the sighting says no more than what is known: it is alive, as it was. */
  isAsKnown({ facts }: Look, sighting: Sighting): boolean {
    const { desired, status, seenAt, downAt, stray } = facts;
    const isKnownUp = desired === "running" && status === "online" && seenAt !== undefined && downAt === undefined;
    return isKnownUp && sighting.seen === "online" && sighting.instance === undefined && sighting.stray === stray;
  }

  /** Notes of workspaces of one shard that they are as they were. @throws CoordinatorUnavailableError */
  async stillAlive(shard: number, looks: readonly Look[]): Promise<void> {
    const lookedAt = Math.min(...looks.map((look) => look.lookedAt));
    const ids = looks.map(({ workspaceId }) => workspaceId);
    await this.#installation.transitions.observing.seen({ shard, ids, lookedAt });
  }

  /**
   * Records what was seen, unless a cycle began meanwhile, and asks for a restart where one is due to it. `since`: the first
   * look that saw it so.
   *
   * @throws InvalidArgumentError, CoordinatorUnavailableError
   */
  async record(look: Look, sighting: Sighting, since = look.lookedAt): Promise<Recorded> {
    checkSighting(sighting);
    const { workspaceId: id, facts, lookedAt, policy } = look;
    const { seen, isOurs = false, instance } = sighting;
    if (seen === "unknown" && facts.runtime !== "external") return { kind: "nothing" };
    const [detail, stray] = [keptText(sighting.detail), keptText(sighting.stray ?? "")];
    const reply = await this.#installation.transitions.observing.observe({
      ...{ id, fence: facts.fence, detail, stray, since, lookedAt, isOurs, instance, action: policy.action },
      seen: seen === "unknown" ? "offline" : seen,
      retry: this.#policyOf(id, facts).retry,
    });
    const hint = reply.kind === "stopping" ? hintOf(id, reply) : undefined;
    // One that does not arrive costs a sweep interval.
    if (hint !== undefined) void (async () => this.#options.onDue?.(hint))().catch(() => {});
    if (reply.kind === "recorded" && reply.ask) {
      await this.#ask(look, "liveness-offline", detail);
    }
    return reply;
  }

  /**
   * Compares what runs with its spec, laid over this worker's defaults; records in which fields they differ, and asks for the
   * restart that is due to it. Resolves to the fields.
   *
   * @throws CoordinatorUnavailableError
   */
  async compare(look: Look): Promise<readonly string[]> {
    const { workspaceId: id, facts } = look;
    if (facts.desired !== "running" || facts.specUsed === undefined) return [];
    const spec = facts.spec === undefined ? {} : (JSON.parse(facts.spec) as Spec);
    const now = usedSpecOf(id, spec, this.#options.effectiveSpec);
    const fields = driftOf(JSON.parse(facts.specUsed) as UsedSpec, now);
    if (fields.length === 0 && facts.drift === undefined && !facts.specAsk) return fields;
    const call = { id, fence: facts.fence, fields, target: targetOf(now) };
    const recorded = await this.#installation.transitions.observing.drift(call);
    if (recorded !== "stale" && recorded.ask) {
      await this.#ask(look, "spec-change", driftReason(fields));
    }
    return fields;
  }

  /** What a cycle did that began meanwhile needs not be asked for. */
  async #ask({ workspaceId, facts }: Look, source: BuiltInSource, reason: string): Promise<void> {
    const seen = facts.fence === "" ? {} : { seenFence: facts.fence };
    await this.#coordinator.trigger(workspaceId, { source, reason, actor: this.#options.actor, ...seen });
  }

  async #look(id: string): Promise<Look> {
    const facts = await this.#installation.transitions.observing.facts({ id });
    const { observe = OBSERVE } = this.#policyOf(id, facts);
    return { workspaceId: id, lookedAt: facts.now, facts, policy: observe };
  }

  #policyOf(id: string, { tags, runtime }: Facts): Policy {
    const { policies } = this.#installation;
    if (policies.overrides.length === 0) return policies.common;
    return policyFor(policies, factsOf(id, { ...(tags && { tags }), ...(runtime && { runtime }) }));
  }
}

/** @throws InvalidArgumentError */
function checkSighting(sighting: Sighting): void {
  needFields("a sighting", sighting, ["seen", "detail", "isCertain", "isOurs", "instance", "stray"]);
  needOneOf("seen", sighting.seen, SIGHTINGS);
  needText("detail", sighting.detail);
}
