/** The fleet's scripts, one per transition, loaded as the coordinator's are. */
import { bindScriptSet, type RunScriptOf } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { FleetKeyRole } from "./keys.ts";

export const FLEET_SCRIPTS = ["enter", "take", "keep", "give-back"] as const;
export type FleetScript = (typeof FLEET_SCRIPTS)[number];
export type RunFleetScript = RunScriptOf<FleetScript, FleetKeyRole>;

export const FLEET_LUA = new URL("../lua/", import.meta.url);

export function bindFleetScripts(redis: Redis | Cluster): RunFleetScript {
  return bindScriptSet(redis, { directory: FLEET_LUA, names: FLEET_SCRIPTS, commandPrefix: "fleet" });
}
