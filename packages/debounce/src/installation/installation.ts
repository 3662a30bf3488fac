/**
 * One installation: its Redis, its keys, its policies and its scripts, checked once. Everything that works on it is made
 * with it: the coordinator of an API replica, a worker's cycles, and what concerns many workspaces at once.
 */
import type { Replication } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { InvalidArgumentError, needFields, needKind, needMs, needWhole } from "../checks.ts";
import { createKeySpace, type KeySpace } from "../keys.ts";
import { checkPolicy } from "../policy/check-policy.ts";
import { POLICIES, type Policy } from "../policy/policy.ts";
import { type PolicyProvider, type PolicySet, providerOf } from "../policy/policy-set.ts";
import type { Observer } from "../transitions/observer.ts";
import { Transitions } from "../transitions/transitions.ts";

export interface InstallationOptions {
  /**
   * A connection of the caller's own. An API fails fast: `enableOfflineQueue: false, maxRetriesPerRequest: 1,
   * commandTimeout`. A worker waits for Redis to come back: `maxRetriesPerRequest: null`.
   */
  readonly redis: Redis | Cluster;
  /** In front of every key, inside the hash tag: 1 to 64 letters, digits, ".", "_", ":" or "-". Default "rc". */
  readonly prefix?: string | undefined;
  /** The number of shards, the same at every process, 1 to 1,024. Default 1. */
  readonly shards?: number | undefined;
  /** One for all, or a set that may change while the process runs. Default `POLICIES.default`. */
  readonly policy?: Policy | PolicyProvider | undefined;
  /** How long a worker may act without a word before another takes over, ms. Default 15,000. */
  readonly leaseMs?: number | undefined;
  /** How long activity and an idle workspace's state are kept, ms. Default 7 days. */
  readonly activityTtlMs?: number | undefined;
  /** Triggers are acknowledged, and cycles begin, only once replicas have them. Default: once Redis has them. */
  readonly replication?: Replication | undefined;
  /** Told what happens, to count it. */
  readonly observer?: Observer | undefined;
}

const OPTIONS: readonly (keyof InstallationOptions)[] = [
  "redis",
  "prefix",
  "shards",
  "policy",
  "leaseMs",
  "activityTtlMs",
  "replication",
  "observer",
];
const PREFIX = /^[A-Za-z0-9._:-]{1,64}$/;
const DAY_MS = 24 * 60 * 60 * 1_000;
const MOST_KEPT_MS = 10 * 365 * DAY_MS;

export class Installation {
  readonly redis: Redis | Cluster;
  readonly prefix: string;
  readonly keys: KeySpace;
  readonly leaseMs: number;
  readonly activityTtlMs: number;
  /** Every step of a workspace, as a typed call. */
  readonly transitions: Transitions;
  readonly #provider: PolicyProvider;
  readonly #checked = new WeakSet<PolicySet>();

  /**
   * @throws InvalidArgumentError for an option that is unknown or out of range
   * @throws ImpossiblePolicyError for a policy that cannot work
   */
  constructor(options: InstallationOptions) {
    needFields("the options of an installation", options, OPTIONS);
    const { redis, prefix = "rc", shards = 1, policy = POLICIES.default, replication, observer } = options;
    const { leaseMs = 15_000, activityTtlMs = 7 * DAY_MS } = options;
    if (typeof (redis as Partial<Redis> | undefined)?.defineCommand !== "function") {
      throw new InvalidArgumentError("expected redis to be a connection of ioredis, a Redis or a Cluster");
    }
    if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
      const got = typeof prefix === "string" ? `"${prefix.slice(0, 100)}"` : String(prefix);
      throw new InvalidArgumentError(`expected prefix to be 1 to 64 letters, digits, ".", "_", ":" or "-", got ${got}`);
    }
    needWhole("shards", shards, 1, 1_024);
    needMs("leaseMs", leaseMs, 10);
    needMs("activityTtlMs", activityTtlMs, 1, MOST_KEPT_MS);
    checkReplication(replication);
    needKind("observer", observer, "object");
    needKind("policy", policy, "object");
    this.redis = redis;
    this.prefix = prefix;
    this.keys = createKeySpace(prefix, shards);
    this.leaseMs = leaseMs;
    this.activityTtlMs = activityTtlMs;
    this.#provider = providerOf(policy);
    this.#checkPolicies(this.#provider.policies);
    this.transitions = new Transitions(redis, this.keys, { leaseMs, activityTtlMs, replication, observer });
  }

  /** The policies of now. @throws ImpossiblePolicyError when they were exchanged for some that cannot work */
  get policies(): PolicySet {
    const { policies } = this.#provider;
    if (!this.#checked.has(policies)) this.#checkPolicies(policies);
    return policies;
  }

  #checkPolicies(policies: PolicySet): void {
    checkPolicy(policies.common);
    for (const { policy } of policies.overrides) checkPolicy(policy);
    this.#checked.add(policies);
  }
}

function checkReplication(replication: Replication | undefined): void {
  if (replication === undefined) return;
  needFields("replication", replication, ["minReplicas", "timeoutMs"]);
  needWhole("replication.minReplicas", replication.minReplicas, 0, 100);
  needMs("replication.timeoutMs", replication.timeoutMs);
}
