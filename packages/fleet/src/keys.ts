/**
 * The fleet's keys have a hash tag of their own, `{<prefix>:fleet}`: one slot for what concerns workspaces of all
 * shards. Only this file knows how they are named.
 */
import type { KeySpace } from "@restart-coordinator/debounce";

/** The role of a key that there is once. */
export type FleetKeyRole = "permits" | "waiting" | "turns" | "rollouts" | "active" | "events";
/** The role of a key that each rollout has. */
export type RolloutKeyRole = "rollout" | "order" | "members" | "running";

const SHARED: Readonly<Record<FleetKeyRole, string>> = {
  permits: "permits",
  waiting: "waiting",
  turns: "turns",
  rollouts: "rollouts",
  active: "rollouts-active",
  events: "events",
};

const OF_ROLLOUT: Readonly<Record<RolloutKeyRole, string>> = {
  rollout: "rollout",
  order: "rollout-order",
  members: "rollout-members",
  running: "rollout-running",
};

export interface FleetKeys {
  of(role: FleetKeyRole): string;
  ofRollout(role: RolloutKeyRole, rolloutId: string): string;
}

/** Names the keys; `prefix` is the coordinator's. */
export function createFleetKeys(prefix: string): FleetKeys {
  const tag = `{${prefix}:fleet}`;
  return {
    of: (role) => `${tag}:${SHARED[role]}`,
    ofRollout: (role, rolloutId) => `${tag}:${OF_ROLLOUT[role]}:${rolloutId}`,
  };
}

/**
 * Lists the keys of all streams of events: every shard's by its number, then the fleet's. The same at every process.
 */
export function eventStreams(keys: KeySpace, fleet: FleetKeys): readonly string[] {
  const ofShards = Array.from({ length: keys.shards }, (_, shard) => keys.forShard("events", shard));
  return [...ofShards, fleet.of("events")];
}
