/**
 * Loads Lua scripts from a directory and makes commands of them. A script's header names its keys and arguments, and the
 * loader makes the tables `K` and `A` from it: a header cannot tell anything but the truth, and no script counts positions.
 */
import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";
import { type Acknowledged, ReplicatedScripts, type Replication } from "./replication.ts";

/** Scripts that belong together: `<directory>/<name>.lua`, each with `prelude.lua` in front. */
export interface ScriptSet<Name extends string> {
  readonly directory: URL;
  readonly names: readonly Name[];
  /** In front of the commands' names; no other set on the same connection may have it. */
  readonly commandPrefix: string;
}

export interface Script<Role extends string = string> {
  readonly name: string;
  /** What the script touches, in the order of KEYS. */
  readonly keys: readonly Role[];
  /** The names of its arguments, in the order of ARGV. */
  readonly args: readonly string[];
  /** The whole text as sent to Redis. */
  readonly lua: string;
}

export function readScript<Role extends string>(directory: URL, name: string): Script<Role> {
  const body = readFileSync(new URL(`${name}.lua`, directory), "utf8");
  const prelude = readFileSync(new URL("prelude.lua", directory), "utf8");
  const keys = headerWords(body, "KEYS") as Role[];
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
export interface RunScriptOf<Name extends string, Role extends string> {
  (name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<unknown[]>;
  /** … and waits for replicas to have what it wrote, if `replication` asks for any. */
  replicated(name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<Acknowledged>;
}
export type ScriptArguments = Readonly<Record<string, string | number>>;

export function bindScriptSet<Name extends string, Role extends string>(
  redis: Redis | Cluster,
  set: ScriptSet<Name>,
  replication?: Replication,
): RunScriptOf<Name, Role> {
  const commandOf = (name: Name) => `${set.commandPrefix}_${name}`;
  const scripts = new Map(set.names.map((name) => [name, readScript<Role>(set.directory, name)]));
  for (const [name, script] of scripts) {
    redis.defineCommand(commandOf(name), { numberOfKeys: script.keys.length, lua: script.lua });
  }
  const commands = redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown[]>>;
  const run = (name: Name, keyOf: (role: Role) => string, args: ScriptArguments) => {
    const script = scripts.get(name) as Script<Role>;
    const send = commands[commandOf(name)] as (typeof commands)[string];
    return send.call(redis, ...script.keys.map(keyOf), ...valuesOf(script, args));
  };
  const pipelines = replication?.minReplicas ? new ReplicatedScripts(redis, replication) : undefined;
  const replicated: RunScriptOf<Name, Role>["replicated"] = async (name, keyOf, args) => {
    if (pipelines === undefined) return { reply: await run(name, keyOf, args), isReplicated: true };
    const script = scripts.get(name) as Script<Role>;
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
