/**
 * Loads the Lua scripts. A script's header names its keys and arguments, and the loader makes the tables `K` and `A`
 * from it: a header cannot tell anything but the truth, and no script counts positions.
 */
import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";
import type { KeyRole } from "./keys.ts";
import { type Acknowledged, ReplicatedScripts, type Replication } from "./replication.ts";

export const SCRIPT_NAMES = [
  "trigger",
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
] as const;
export type ScriptName = (typeof SCRIPT_NAMES)[number];

export interface Script {
  readonly name: ScriptName;
  /** What the script touches, in the order of KEYS. */
  readonly keys: readonly KeyRole[];
  /** The names of its arguments, in the order of ARGV. */
  readonly args: readonly string[];
  /** The whole text as sent to Redis. */
  readonly lua: string;
}

const LUA_DIRECTORY = new URL("../lua/", import.meta.url);

export function loadScript(name: ScriptName): Script {
  const body = readFileSync(new URL(`${name}.lua`, LUA_DIRECTORY), "utf8");
  const prelude = readFileSync(new URL("prelude.lua", LUA_DIRECTORY), "utf8");
  const keys = headerWords(body, "KEYS") as KeyRole[];
  const args = headerWords(body, "ARGV");
  const table = (names: readonly string[], array: string) =>
    `{ ${names.map((word, i) => `${word} = ${array}[${i + 1}]`).join(", ")} }`;
  const lua = `local K = ${table(keys, "KEYS")}\nlocal A = ${table(args, "ARGV")}\n${prelude}\n${body}`;
  return { name, keys, args, lua };
}

function headerWords(body: string, label: string): string[] {
  return [...body.matchAll(new RegExp(`^-- ${label}: (.*)$`, "gm"))].flatMap((line) =>
    (line[1] ?? "").trim().split(/\s+/),
  );
}

/** Sends one script with keys and arguments by name; every argument the header names must be given. */
export interface RunScript {
  (name: ScriptName, keyOf: KeyOf, args: ScriptArguments): Promise<unknown[]>;
  /** … and waits for replicas to have what it wrote, if `replication` asks for any. */
  replicated(name: ScriptName, keyOf: KeyOf, args: ScriptArguments): Promise<Acknowledged>;
}
export type KeyOf = (role: KeyRole) => string;
export type ScriptArguments = Readonly<Record<string, string | number>>;

export function bindScripts(redis: Redis | Cluster, replication?: Replication): RunScript {
  const scripts = new Map(SCRIPT_NAMES.map((name) => [name, loadScript(name)]));
  for (const script of scripts.values()) {
    redis.defineCommand(commandOf(script.name), { numberOfKeys: script.keys.length, lua: script.lua });
  }
  const commands = redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown[]>>;
  const run = (name: ScriptName, keyOf: KeyOf, args: ScriptArguments) => {
    const script = scripts.get(name) as Script;
    const send = commands[commandOf(name)] as (typeof commands)[string];
    return send.call(redis, ...script.keys.map(keyOf), ...valuesOf(script, args));
  };
  const pipelines = replication?.minReplicas ? new ReplicatedScripts(redis, replication) : undefined;
  const replicated: RunScript["replicated"] = async (name, keyOf, args) => {
    if (pipelines === undefined) return { reply: await run(name, keyOf, args), isReplicated: true };
    const script = scripts.get(name) as Script;
    return pipelines.run({ script, keys: script.keys.map(keyOf), args: valuesOf(script, args) });
  };
  return Object.assign(run, { replicated });
}

function valuesOf(script: Script, args: ScriptArguments): (string | number)[] {
  return script.args.map((arg) => {
    const value = args[arg];
    if (value === undefined) throw new TypeError(`the script ${script.name} expects the argument ${arg}`);
    return value;
  });
}

function commandOf(name: ScriptName): string {
  return `restart_${name}`;
}
