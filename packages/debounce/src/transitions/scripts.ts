/** The coordinator's scripts, one per transition. */
import { BoundScripts, readScript, type Script } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { KeyRole } from "../keys.ts";
import { SCRIPT_NAMES, type ScriptName } from "./script-names.ts";
import type { TransitionSettings } from "./types.ts";

export type CoordinatorScripts = BoundScripts<ScriptName, KeyRole>;

const LUA_DIRECTORY = new URL("../../lua/", import.meta.url);

export function loadScript(name: ScriptName): Script<KeyRole> {
  return readScript(LUA_DIRECTORY, name);
}

export function bindScripts(redis: Redis | Cluster, { replication, observer }: TransitionSettings): CoordinatorScripts {
  const set = {
    directory: LUA_DIRECTORY,
    names: SCRIPT_NAMES,
    commandPrefix: "restart",
    batched: { trigger: "replicated", begin: "replicated", end: "plain", facts: "plain" },
  } as const;
  const onAnswered = (name: ScriptName, tookMs: number) => observer?.answered?.(name, tookMs);
  return new BoundScripts<ScriptName, KeyRole>(redis, set, { replication, onAnswered });
}
