/** Rollouts as people work with them: made, looked at, steered. `rollout-driver.ts` advances them. */
import type { Installation } from "@restart-coordinator/debounce";
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createFleetKeys, type FleetKeys } from "./keys.ts";
import { describeMember, describeRollout, fieldsOf } from "./rollout-record.ts";
import { RolloutTransitions } from "./rollout-transitions.ts";
import type { Member, MemberStatus, Rollout, RolloutRequest, RolloutState, RolloutVerb } from "./rollout-types.ts";

export type CreateResult =
  | { readonly kind: "created" | "exists"; readonly rollout: Rollout }
  /** The id was used for another request. */
  | { readonly kind: "conflict" }
  | { readonly kind: "too-many"; readonly active: number };

export type SteerResult =
  | { readonly kind: "steered"; readonly changed: boolean; readonly rollout: Rollout }
  | { readonly kind: "over"; readonly state: RolloutState }
  | { readonly kind: "unknown" };

const MOST_ACTIVE = 50;
const MEMBERS_PER_READ = 500;

export class Rollouts {
  readonly transitions: RolloutTransitions;
  readonly keys: FleetKeys;
  readonly #redis: Redis | Cluster;
  readonly #keepMs: number;

  /** A rollout that is over is kept as long as the installation keeps activity. */
  constructor({ redis, prefix, activityTtlMs, leaseMs }: Installation) {
    this.keys = createFleetKeys(prefix);
    this.transitions = new RolloutTransitions({ redis, keys: this.keys, leaseMs });
    this.#redis = redis;
    this.#keepMs = activityTtlMs;
  }

  /**
   * Creates it under an id that nobody else has; the same id with the same `body` (a hash of the request) finds it again.
   * With a selector `owner` is to build the list of members (`RolloutDriver.prepare`); if it dies another will.
   */
  async create(id: string, request: RolloutRequest, body: string, owner?: string): Promise<CreateResult> {
    const fields = { ...fieldsOf(request), body, keepMs: String(this.#keepMs) };
    const reply = await this.transitions.create({ id, fields, ids: request.ids, mostActive: MOST_ACTIVE, owner });
    if (reply.kind === "too-many") return reply;
    if (reply.kind === "exists" && !reply.isSame) return { kind: "conflict" };
    const rollout = await this.get(id);
    return rollout === undefined ? { kind: "conflict" } : { kind: reply.kind, rollout };
  }

  /** Undefined when there is none of that id (any more). */
  async get(id: string): Promise<Rollout | undefined> {
    const [fields, running] = await asked(() =>
      Promise.all([
        this.#redis.hgetall(this.keys.ofRollout("rollout", id)),
        this.#redis.scard(this.keys.ofRollout("running", id)),
      ]),
    );
    return fields.state === undefined ? undefined : describeRollout(id, fields, running);
  }

  /** Newest first, after the rollout `cursor`; "unknown-cursor" when that one is gone. */
  async list(options: {
    cursor?: string | undefined;
    limit: number;
    state?: RolloutState | undefined;
  }): Promise<{ rollouts: Rollout[]; nextCursor: string | undefined } | "unknown-cursor"> {
    const { cursor, limit, state } = options;
    const ids = await asked(() => this.#redis.zrevrange(this.keys.of("rollouts"), 0, -1));
    const start = cursor === undefined ? 0 : ids.indexOf(cursor) + 1;
    if (cursor !== undefined && start === 0) return "unknown-cursor";
    const rollouts: Rollout[] = [];
    for (const id of ids.slice(start)) {
      const rollout = await this.get(id);
      // It has expired: nobody else takes it off the list.
      if (rollout === undefined) await asked(() => this.#redis.zrem(this.keys.of("rollouts"), id));
      else if (state === undefined || rollout.state === state) {
        if (rollouts.length === limit) return { rollouts, nextCursor: rollouts.at(-1)?.id };
        rollouts.push(rollout);
      }
    }
    return { rollouts, nextCursor: undefined };
  }

  /** Members in their order, from place `cursor` on; `status`: only those. */
  async members(
    id: string,
    options: { cursor: number; limit: number; status?: MemberStatus | undefined },
  ): Promise<{ members: Member[]; nextCursor: number | undefined }> {
    const { limit, status } = options;
    const members: Member[] = [];
    for (let place = options.cursor; ; ) {
      const page = await this.#membersFrom(id, place);
      for (const member of page) {
        if (members.length === limit) return { members, nextCursor: place };
        if (status === undefined || member.status === status) members.push(member);
        place += 1;
      }
      if (page.length < MEMBERS_PER_READ) return { members, nextCursor: undefined };
    }
  }

  /** Asking again for what already is changes nothing. */
  async steer(id: string, verb: RolloutVerb, by: { actor: string; reason?: string | undefined }): Promise<SteerResult> {
    const reply = await this.transitions.steer({ id, verb, ...by });
    if (reply.kind !== "steered") return reply;
    const rollout = await this.get(id);
    return rollout === undefined ? { kind: "unknown" } : { ...reply, rollout };
  }

  /** Those that somebody must advance. */
  active(): Promise<string[]> {
    return asked(() => this.#redis.smembers(this.keys.of("active")));
  }

  /** Members that are under way. */
  running(id: string): Promise<string[]> {
    return asked(() => this.#redis.smembers(this.keys.ofRollout("running", id)));
  }

  /** As Redis keeps it; null when it has not been picked. */
  record(id: string, workspaceId: string): Promise<string | null> {
    return asked(() => this.#redis.hget(this.keys.ofRollout("members", id), workspaceId));
  }

  async #membersFrom(id: string, place: number): Promise<Member[]> {
    const last = place + MEMBERS_PER_READ - 1;
    const ids = await asked(() => this.#redis.zrange(this.keys.ofRollout("order", id), String(place), String(last)));
    if (ids.length === 0) return [];
    const records = await asked(() => this.#redis.hmget(this.keys.ofRollout("members", id), ...ids));
    return ids.map((workspaceId, i) => describeMember(workspaceId, records[i] ?? null));
  }
}
