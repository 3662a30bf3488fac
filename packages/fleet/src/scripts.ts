/** The fleet's scripts, one per transition, loaded as the coordinator's are. */
import { bindScriptSet, type RunScriptOf } from "@restart-coordinator/debounce";
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
export type RunFleetScript = RunScriptOf<FleetScript, FleetKeyRole | RolloutKeyRole>;

export const FLEET_LUA = new URL("../lua/", import.meta.url);

export function bindFleetScripts(redis: Redis | Cluster): RunFleetScript {
  return bindScriptSet(redis, { directory: FLEET_LUA, names: FLEET_SCRIPTS, commandPrefix: "fleet" });
}
