/**
 * Every transition of a rollout as a typed call. Nothing else reads a script's reply. `now` is for tests; in production
 * Redis' own clock decides. Those with a fencing token answer "lost" to whoever no longer advances the rollout.
 */
import { fromRedis } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { FleetKeyRole, FleetKeys, RolloutKeyRole } from "./keys.ts";
import type { MemberRecord, RolloutState, RolloutVerb } from "./rollout-types.ts";
import { bindFleetScripts, type FleetScript, type RunFleetScript } from "./scripts.ts";

/** Who advances a rollout, and by which right. */
export interface Driving {
  readonly id: string;
  readonly fence: number;
  readonly now?: number;
}

export interface RolloutTransitionsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: FleetKeys;
  /** How long the one who advances a rollout may go without a word before another does, ms. */
  readonly leaseMs: number;
}

type Fields = Readonly<Record<string, string>>;

const SHARED: ReadonlySet<string> = new Set<FleetKeyRole>([
  "permits",
  "waiting",
  "turns",
  "rollouts",
  "active",
  "events",
]);

export class RolloutTransitions {
  readonly #script: RunFleetScript;
  readonly #keys: FleetKeys;
  readonly #leaseMs: number;

  constructor({ redis, keys, leaseMs }: RolloutTransitionsOptions) {
    this.#script = bindFleetScripts(redis);
    this.#keys = keys;
    this.#leaseMs = leaseMs;
  }

  async create(call: {
    id: string;
    fields: Fields;
    ids: readonly string[] | undefined;
    mostActive: number;
    /** Who builds the list of members, if a selector finds them. */
    owner?: string | undefined;
    now?: number;
  }): Promise<{ kind: "created" } | { kind: "exists"; isSame: boolean } | { kind: "too-many"; active: number }> {
    const { id, fields, ids, mostActive, owner = "", now = "" } = call;
    const args = { id, fields: JSON.stringify(fields), ids: ids === undefined ? "" : JSON.stringify(ids) };
    const [kind, more] = await this.#run("rollout-create", id, {
      ...args,
      mostActive,
      owner,
      leaseMs: this.#leaseMs,
      now,
    });
    if (kind === "exists") return { kind, isSame: more === 1 };
    return kind === "too-many" ? { kind, active: Number(more) } : { kind: "created" };
  }

  /** Becomes the one who advances it, or stays so. */
  async claim(call: {
    id: string;
    owner: string;
    now?: number;
  }): Promise<{ kind: "claimed"; fence: number; fields: Fields } | { kind: "busy" | "resting" }> {
    const { id, owner, now = "" } = call;
    const [kind, fence, flat] = await this.#run("rollout-claim", id, { id, owner, leaseMs: this.#leaseMs, now });
    if (kind !== "claimed") return { kind: kind as "busy" | "resting" };
    return { kind, fence: Number(fence), fields: pairs(flat as string[]) };
  }

  async leave({ id, fence }: Driving): Promise<void> {
    await this.#run("rollout-leave", id, { fence });
  }

  async freeze(
    call: Driving & { cursor: string; nextCursor: string | undefined; ids: readonly string[]; most: number },
  ): Promise<{ kind: "frozen"; total: number } | { kind: "known" | "lost" }> {
    const { id, fence, cursor, nextCursor = "", ids, most, now = "" } = call;
    const args = { id, fence, leaseMs: this.#leaseMs, cursor, nextCursor, ids: JSON.stringify(ids), most, now };
    const [kind, total] = await this.#run("rollout-freeze", id, args);
    return kind === "frozen" ? { kind, total: Number(total) } : { kind: kind as "known" | "lost" };
  }

  async pick(call: Driving): Promise<
    | { kind: "picked"; workspaceId: string }
    /** `until`: undefined = for one that is under way to end. */
    | { kind: "wait"; until: number | undefined }
    | { kind: "nothing"; state: RolloutState }
    | { kind: "lost" }
  > {
    const { id, fence, now = "" } = call;
    const [kind, more] = await this.#run("rollout-pick", id, { id, fence, leaseMs: this.#leaseMs, now });
    if (kind === "picked") return { kind, workspaceId: String(more) };
    if (kind === "wait") return { kind, until: more === "" ? undefined : Number(more) };
    return kind === "nothing" ? { kind, state: more as RolloutState } : { kind: "lost" };
  }

  async note(call: Driving & { workspaceId: string; member: MemberRecord }): Promise<"noted" | "lost"> {
    const { id, fence, workspaceId: workspace, member, now = "" } = call;
    const args = { fence, leaseMs: this.#leaseMs, workspace, member: JSON.stringify(member), now };
    return (await this.#run("rollout-note", id, args))[0] as "noted" | "lost";
  }

  async settle(
    call: Driving & { workspaceId: string; member: MemberRecord },
  ): Promise<{ kind: "settled"; state: RolloutState } | { kind: "known" | "lost" }> {
    const { id, fence, workspaceId: workspace, member, now = "" } = call;
    const args = { id, fence, leaseMs: this.#leaseMs, workspace, member: JSON.stringify(member), now };
    const [kind, state] = await this.#run("rollout-settle", id, args);
    return kind === "settled" ? { kind, state: state as RolloutState } : { kind: kind as "known" | "lost" };
  }

  async steer(call: {
    id: string;
    verb: RolloutVerb;
    actor: string;
    reason?: string | undefined;
    now?: number;
  }): Promise<{ kind: "steered"; changed: boolean } | { kind: "over"; state: RolloutState } | { kind: "unknown" }> {
    const { id, verb, actor, reason = "", now = "" } = call;
    const [kind, more] = await this.#run("rollout-steer", id, { id, verb, actor, reason, now });
    if (kind === "steered") return { kind, changed: more === 1 };
    return kind === "over" ? { kind, state: more as RolloutState } : { kind: "unknown" };
  }

  async #run(name: FleetScript, id: string, args: Readonly<Record<string, string | number>>): Promise<unknown[]> {
    const keyOf = (role: FleetKeyRole | RolloutKeyRole): string =>
      SHARED.has(role) ? this.#keys.of(role as FleetKeyRole) : this.#keys.ofRollout(role as RolloutKeyRole, id);
    try {
      return await this.#script(name, keyOf, args);
    } catch (error) {
      throw fromRedis(error);
    }
  }
}

function pairs(flat: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
  return fields;
}
