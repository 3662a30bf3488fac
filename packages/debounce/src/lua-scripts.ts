/**
 * Loads Lua scripts from a directory and makes commands of them. A script's header names its keys and arguments, and the
 * loader makes the tables `K` and `A` from it: a header cannot tell anything but the truth, and no script counts positions.
 */
import { readFileSync } from "node:fs";
import type { Cluster, Redis } from "ioredis";
import { headerWords, piecesOf, readPiece } from "./lua-pieces.ts";
import { type Acknowledged, ReplicatedScripts, type Replication } from "./replication.ts";
import { type BatchParts, batchedLua, batchParts, ScriptBatches } from "./script-batches.ts";

/** Scripts that belong together: `<directory>/<name>.lua`, each with the pieces in front that its header says it uses. */
export interface ScriptSet<Name extends string> {
  readonly directory: URL;
  readonly names: readonly Name[];
  /** In front of the commands' names; no other set on the same connection may have it. */
  readonly commandPrefix: string;
  /**
   * Those that `together` takes: their headers say what the calls of a batch share, `now` among it. `replicated` ones
   * wait for replicas, if any are asked for.
   */
  readonly batched?: Readonly<Partial<Record<Name, "replicated" | "plain">>>;
}

export interface Script<Role extends string = string> {
  readonly name: string;
  /** What the script touches, in the order of KEYS. */
  readonly keys: readonly Role[];
  /** The names of its arguments, in the order of ARGV. */
  readonly args: readonly string[];
  /** The whole text as sent to Redis. */
  readonly lua: string;
  /** The same keys and arguments, those apart that all calls of a batch have in common. */
  readonly parts: BatchParts<Role>;
  /** The text that runs it for several calls, one after the other. */
  readonly batchedLua: string;
}

export function readScript<Role extends string>(directory: URL, name: string): Script<Role> {
  const body = readFileSync(new URL(`${name}.lua`, directory), "utf8");
  const isRemembered = headerWords(body, "Batch").includes("remembered");
  const pieces = piecesOf(directory, isRemembered ? `${body}-- Uses: recall\n` : body);
  const shared = pieces.map((piece) => readPiece(directory, piece));
  const keys = headerWords(body, "KEYS") as Role[];
  const args = headerWords(body, "ARGV");
  const table = (names: readonly string[], array: string) =>
    `{ ${names.map((word, i) => `${word} = ${array}[${i + 1}]`).join(", ")} }`;
  const lua = `local K = ${table(keys, "KEYS")}\nlocal A = ${table(args, "ARGV")}\n${shared.join("\n")}\n${body}`;
  const parts = batchParts({ keys, args, shared: new Set(headerWords(body, "Shared")), isRemembered });
  return { name, keys, args, lua, parts, batchedLua: batchedLua({ shared: shared.join("\n"), body, parts }) };
}

/** Sends one script with keys and arguments by name; every argument the header names must be given. */
export interface RunScriptOf<Name extends string, Role extends string> {
  (name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<unknown[]>;
  /** … and waits for replicas to have what it wrote, if `replication` asks for any. */
  replicated(name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<Acknowledged>;
  /** … and shares the round trip with what else is asked of the shard in this turn of the event loop. */
  together(name: Name, call: CallInBatch<Role>): Promise<Acknowledged>;
}

/** A call as part of a batch: the arguments that the header calls shared, and its own. */
export interface CallInBatch<Role extends string> {
  /** Calls of one group have the shared keys in common: the shard's hash tag. */
  readonly group: string;
  readonly keyOf: (role: Role) => string;
  /** Quickest when those who have the same give the same object. */
  readonly shared: ScriptArguments;
  readonly own: ScriptArguments;
  /** Where the header calls batches remembered: the first call's is the batch's. */
  readonly nonce?: string;
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
    return pipelines.run({ lua: script.lua, keys: script.keys.map(keyOf), args: valuesOf(script, args) });
  };

  const batches = new Map<Name, ScriptBatches>();
  for (const [name, kind] of Object.entries(set.batched ?? {}) as [Name, string][]) {
    const { batchedLua: lua, parts } = scripts.get(name) as Script<Role>;
    const command = `${commandOf(name)}_batch`;
    redis.defineCommand(command, { lua });
    const send = async (keys: readonly string[], args: readonly (string | number)[]): Promise<Acknowledged> => {
      if (pipelines !== undefined && kind === "replicated") return pipelines.run({ lua, keys, args });
      const reply = await (commands[command] as (typeof commands)[string]).call(redis, keys.length, ...keys, ...args);
      return { reply, isReplicated: true };
    };
    batches.set(name, new ScriptBatches(send, parts.isRemembered));
  }
  const sharedValues = new WeakMap<ScriptArguments, readonly (string | number)[]>();
  const together: RunScriptOf<Name, Role>["together"] = (name, { group, keyOf, shared, own, nonce = "" }) => {
    const { parts } = scripts.get(name) as Script<Role>;
    let sharedArgs = sharedValues.get(shared);
    if (sharedArgs === undefined) {
      sharedArgs = parts.sharedArgs.map((arg) => valueIn(shared, arg, name));
      sharedValues.set(shared, sharedArgs);
    }
    return (batches.get(name) as ScriptBatches).run({
      group,
      sharedKeys: () => parts.sharedKeys.map(keyOf),
      sharedArgs,
      keys: parts.keys.map(keyOf),
      args: parts.args.map((arg) => valueIn(own, arg, name)),
      nonce,
    });
  };
  return Object.assign(run, { replicated, together });
}

function valuesOf(script: Script, args: ScriptArguments): (string | number)[] {
  return script.args.map((arg) => valueIn(args, arg, script.name));
}

function valueIn(args: ScriptArguments, arg: string, script: string): string | number {
  const value = args[arg];
  if (value === undefined) throw new TypeError(`the script ${script} expects the argument ${arg}`);
  return value;
}
