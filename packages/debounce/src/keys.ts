/**
 * The only file that knows how keys are named. One hash tag per shard, `{<prefix>:<n>}`, puts everything a script
 * touches into one slot, so that it runs unchanged on Redis Cluster.
 */

/** One of the workspace's own keys, or of its shard's, by its role in a script. */
export type KeyRole =
  | "workspace"
  | "state"
  | "startedAt"
  | "window"
  | "why"
  | "covers"
  | "journal"
  | "lastCycle"
  | "spent"
  | "activity"
  | "idempotency"
  | "idempotencyOrder"
  | "shadow"
  | "children"
  | "due"
  | "hinted"
  | "phases"
  | "looking"
  | "seen"
  | "down"
  | "events"
  | "recent"
  | "rescheduling"
  | "clock"
  | "workspaces"
  | "zoneRules";

const OF_WORKSPACE: Readonly<Partial<Record<KeyRole, string>>> = {
  workspace: "registry",
  state: "state",
  startedAt: "started-at",
  why: "why",
  covers: "covers",
  journal: "journal",
  lastCycle: "last-cycle",
  spent: "spent",
  activity: "activity",
  idempotency: "idempotency",
  idempotencyOrder: "idempotency-order",
  shadow: "shadow",
  children: "children",
};

export interface KeySpace {
  /** Shards of this installation; the same number at every process. */
  readonly shards: number;
  /** Where the number of shards is written down. */
  readonly shardCount: string;
  /** Where it is written down what carries restarts out. */
  readonly provisioner: string;
  /** A key in each slot, at which nothing is kept: to ask whether Redis would take a write. */
  readonly probes: readonly string[];
  /** Where processes note the rules of time zones that they have. */
  readonly zoneRules: string;
  /** The shard a workspace lives on, 0 … shards-1. */
  shardOf(workspaceId: string): number;
  /** The hash tag of a shard; also the prefix of its BullMQ queue. */
  tagOf(shard: number): string;
  /** That of the shard a workspace lives on. */
  tagFor(workspaceId: string): string;
  /** A key of the workspace, or of its shard. */
  forWorkspace(role: Exclude<KeyRole, "window">, workspaceId: string): string;
  /** The same for several keys of one workspace: its shard is found once. */
  keysOf(workspaceId: string): (role: Exclude<KeyRole, "window">) => string;
  /** The debounce window of one source. */
  window(source: string, workspaceId: string): string;
  /** A key that all workspaces of a shard share. */
  forShard(role: Exclude<KeyRole, "window" | "zoneRules">, shard: number): string;
}

export function createKeySpace(prefix: string, shards: number): KeySpace {
  const tags = Array.from({ length: shards }, (_, n) => `{${prefix}:${n}}`);
  const tagOf = (shard: number): string => {
    const tag = tags[shard];
    if (tag === undefined) throw new RangeError(`expected a shard below ${shards}, got ${shard}`);
    return tag;
  };
  const shardOf = (workspaceId: string): number => (shards === 1 ? 0 : fnv1a(workspaceId) % shards);
  const keysOf: KeySpace["keysOf"] = (workspaceId) => {
    const tag = tagOf(shardOf(workspaceId));
    return (role) => {
      const name = OF_WORKSPACE[role];
      return name === undefined ? `${tag}:${role}` : `${tag}:${name}:${workspaceId}`;
    };
  };
  return {
    shards,
    shardCount: `{${prefix}:installation}:shards`,
    provisioner: `{${prefix}:installation}:provisioner`,
    probes: [...tags, `{${prefix}:installation}`].map((tag) => `${tag}:probe`),
    zoneRules: `{${prefix}:installation}:zone-rules`,
    shardOf,
    tagOf,
    tagFor: (workspaceId) => tagOf(shardOf(workspaceId)),
    forShard: (role, shard) => `${tagOf(shard)}:${role}`,
    window: (source, workspaceId) => `${tagOf(shardOf(workspaceId))}:window:${source}:${workspaceId}`,
    forWorkspace: (role, workspaceId) => keysOf(workspaceId)(role),
    keysOf,
  };
}

/** FNV-1a, 32 bits: stable across processes and versions, which is all a shard number needs. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
