/** The coordinator's scripts, one per transition. */
import type { Cluster, Redis } from "ioredis";
import type { KeyRole } from "./keys.ts";
import { bindScriptSet, type RunScriptOf, readScript, type Script } from "./lua-scripts.ts";
import type { Replication } from "./replication.ts";

export const SCRIPT_NAMES = [
  "trigger",
  "suppress",
  "begin",
  "renew",
  "journal",
  "end",
  "sweep",
  "register",
  "desire",
  "forget",
  "hold",
  "release",
  "flush",
  "cancel",
  "view",
  "parent",
  "census",
  "shadow",
] as const;
export type ScriptName = (typeof SCRIPT_NAMES)[number];

export type RunScript = RunScriptOf<ScriptName, KeyRole>;
export type KeyOf = (role: KeyRole) => string;
export type { ScriptArguments } from "./lua-scripts.ts";

const LUA_DIRECTORY = new URL("../lua/", import.meta.url);

export function loadScript(name: ScriptName): Script<KeyRole> {
  return readScript(LUA_DIRECTORY, name);
}

export function bindScripts(redis: Redis | Cluster, replication?: Replication): RunScript {
  const set = {
    directory: LUA_DIRECTORY,
    names: SCRIPT_NAMES,
    commandPrefix: "restart",
    batched: { trigger: "replicated", suppress: "replicated", begin: "replicated", end: "plain" } as const,
  };
  return bindScriptSet(redis, set, replication);
}
