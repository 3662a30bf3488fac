/** The fleet's scripts, one per transition, loaded as the coordinator's are. */
import { BoundScripts } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { FleetKeyRole, RolloutKeyRole } from "./keys.ts";

export const FLEET_SCRIPTS = [
  "enter",
  "take",
  "keep",
  "give-back",
  "rollout-create",
  "rollout-claim",
  "rollout-leave",
  "rollout-freeze",
  "rollout-pick",
  "rollout-note",
  "rollout-settle",
  "rollout-steer",
] as const;
export type FleetScript = (typeof FLEET_SCRIPTS)[number];
export type FleetScripts = BoundScripts<FleetScript, FleetKeyRole | RolloutKeyRole>;

export const FLEET_LUA = new URL("../lua/", import.meta.url);

export function bindFleetScripts(redis: Redis | Cluster): FleetScripts {
  return new BoundScripts(redis, { directory: FLEET_LUA, names: FLEET_SCRIPTS, commandPrefix: "fleet" });
}
