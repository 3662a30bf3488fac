/**
 * Every transition of a rollout as a typed call. Nothing else reads a script's reply. `now` is for tests; in production
 * Redis' own clock decides. Those with a fencing token answer "lost" to whoever no longer advances the rollout.
 */
import type { ScriptReply } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { FleetKeyRole, FleetKeys, RolloutKeyRole } from "./keys.ts";
import type { MemberRecord, RolloutState, RolloutVerb } from "./rollout-types.ts";
import { bindFleetScripts, type FleetScript, type FleetScripts } from "./scripts.ts";

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
  readonly #scripts: FleetScripts;
  readonly #keys: FleetKeys;
  readonly #leaseMs: number;

  constructor({ redis, keys, leaseMs }: RolloutTransitionsOptions) {
    this.#scripts = bindFleetScripts(redis);
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
    const more = { mostActive, owner, leaseMs: this.#leaseMs, now };
    const reply = await this.#run("rollout-create", id, { ...args, ...more });
    if (reply.kind === "exists") return { kind: "exists", isSame: reply.flag("isSame") };
    return reply.kind === "too-many" ? { kind: "too-many", active: reply.number("active") } : { kind: "created" };
  }

  /** Becomes the one who advances it, or stays so. */
  async claim(call: {
    id: string;
    owner: string;
    now?: number;
  }): Promise<{ kind: "claimed"; fence: number; fields: Fields } | { kind: "busy" | "resting" }> {
    const { id, owner, now = "" } = call;
    const reply = await this.#run("rollout-claim", id, { id, owner, leaseMs: this.#leaseMs, now });
    if (reply.kind !== "claimed") return { kind: reply.kind as "busy" | "resting" };
    return { kind: "claimed", fence: reply.number("fence"), fields: reply.record("rollout") };
  }

  async leave({ id, fence }: Driving): Promise<void> {
    await this.#run("rollout-leave", id, { fence });
  }

  async freeze(
    call: Driving & { cursor: string; nextCursor: string | undefined; ids: readonly string[]; most: number },
  ): Promise<{ kind: "frozen"; total: number } | { kind: "known" | "lost" }> {
    const { id, fence, cursor, nextCursor = "", ids, most, now = "" } = call;
    const args = { id, fence, leaseMs: this.#leaseMs, cursor, nextCursor, ids: JSON.stringify(ids), most, now };
    const reply = await this.#run("rollout-freeze", id, args);
    if (reply.kind !== "frozen") return { kind: reply.kind as "known" | "lost" };
    return { kind: "frozen", total: reply.number("total") };
  }

  async pick(call: Driving): Promise<
    | { kind: "picked"; workspaceId: string }
    /** `until`: undefined = for one that is under way to end. */
    | { kind: "wait"; until: number | undefined }
    | { kind: "nothing"; state: RolloutState }
    | { kind: "lost" }
  > {
    const { id, fence, now = "" } = call;
    const reply = await this.#run("rollout-pick", id, { id, fence, leaseMs: this.#leaseMs, now });
    if (reply.kind === "picked") return { kind: "picked", workspaceId: reply.text("workspace") };
    if (reply.kind === "wait") return { kind: "wait", until: reply.optionalNumber("waitUntil") };
    return reply.kind === "nothing" ? { kind: "nothing", state: stateIn(reply) } : { kind: "lost" };
  }

  async note(call: Driving & { workspaceId: string; member: MemberRecord }): Promise<"noted" | "lost"> {
    const { id, fence, workspaceId: workspace, member, now = "" } = call;
    const args = { fence, leaseMs: this.#leaseMs, workspace, member: JSON.stringify(member), now };
    return (await this.#run("rollout-note", id, args)).kind as "noted" | "lost";
  }

  async settle(
    call: Driving & { workspaceId: string; member: MemberRecord },
  ): Promise<{ kind: "settled"; state: RolloutState } | { kind: "known" | "lost" }> {
    const { id, fence, workspaceId: workspace, member, now = "" } = call;
    const args = { id, fence, leaseMs: this.#leaseMs, workspace, member: JSON.stringify(member), now };
    const reply = await this.#run("rollout-settle", id, args);
    if (reply.kind !== "settled") return { kind: reply.kind as "known" | "lost" };
    return { kind: "settled", state: stateIn(reply) };
  }

  async steer(call: {
    id: string;
    verb: RolloutVerb;
    actor: string;
    reason?: string | undefined;
    now?: number;
  }): Promise<{ kind: "steered"; changed: boolean } | { kind: "over"; state: RolloutState } | { kind: "unknown" }> {
    const { id, verb, actor, reason = "", now = "" } = call;
    const reply = await this.#run("rollout-steer", id, { id, verb, actor, reason, now });
    if (reply.kind === "steered") return { kind: "steered", changed: reply.flag("isChanged") };
    return reply.kind === "over" ? { kind: "over", state: stateIn(reply) } : { kind: "unknown" };
  }

  #run(name: FleetScript, id: string, args: Readonly<Record<string, string | number>>): Promise<ScriptReply> {
    const keyOf = (role: FleetKeyRole | RolloutKeyRole): string =>
      SHARED.has(role) ? this.#keys.of(role as FleetKeyRole) : this.#keys.ofRollout(role as RolloutKeyRole, id);
    return this.#scripts.run(name, keyOf, args);
  }
}

function stateIn(reply: ScriptReply): RolloutState {
  return reply.text("state") as RolloutState;
}
