/** Makes typed calls of the scripts in a directory. */
import type { Cluster, Redis } from "ioredis";
import { ScriptBatches } from "./batches.ts";
import { Deadlines, isLate } from "./deadlines.ts";
import { asked, CoordinatorUnavailableError } from "./errors.ts";
import { ReplicatedScripts, type Replication } from "./replication.ts";
import { type Acknowledged, ScriptReply } from "./reply.ts";
import { readScript, type Script } from "./script.ts";

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

export interface ScriptOptions<Name extends string> {
  /** What `replicated` and replicated batches wait for; nothing without it. */
  readonly replication?: Replication | undefined;
  /** Told that Redis carried a script out and answered. `tookMs`: from sending it, replicas waited for included. */
  readonly onAnswered?: ((name: Name, tookMs: number) => void) | undefined;
}

export type ScriptArguments = Readonly<Record<string, string | number>>;

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

/**
 * Sends scripts with keys and arguments by name; every argument that the header names must be given.
 *
 * All reject with a CoordinatorUnavailableError when Redis did not answer, or could not: what was asked may have been
 * carried out all the same.
 */
export class BoundScripts<Name extends string, Role extends string> {
  readonly #redis: Redis | Cluster;
  readonly #set: ScriptSet<Name>;
  readonly #onAnswered: ScriptOptions<Name>["onAnswered"];
  readonly #scripts: ReadonlyMap<Name, Script<Role>>;
  readonly #pipelines: ReplicatedScripts | undefined;
  readonly #deadlines: Deadlines;
  readonly #batches: ReadonlyMap<Name, ScriptBatches>;
  readonly #sharedValues = new WeakMap<ScriptArguments, readonly (string | number)[]>();

  constructor(redis: Redis | Cluster, set: ScriptSet<Name>, { replication, onAnswered }: ScriptOptions<Name> = {}) {
    this.#redis = redis;
    this.#deadlines = new Deadlines(redis);
    this.#set = set;
    this.#onAnswered = onAnswered;
    this.#scripts = new Map(set.names.map((name) => [name, readScript<Role>(set.directory, name)]));
    this.#pipelines = replication?.minReplicas ? new ReplicatedScripts(redis, replication) : undefined;
    for (const [name, { keys, lua }] of this.#scripts) {
      redis.defineCommand(this.#commandOf(name), { numberOfKeys: keys.length, lua });
    }
    const batched = Object.entries(set.batched ?? {}) as [Name, "replicated" | "plain"][];
    this.#batches = new Map(batched.map(([name, kind]) => [name, this.#bindBatches(name, kind)]));
  }

  /** @throws CoordinatorUnavailableError */
  async run(name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<ScriptReply> {
    const script = this.#script(name);
    return this.#answered(script, () => this.#send(script, keyOf, args));
  }

  /** … and waits for replicas to have what it wrote, if any are asked for. @throws CoordinatorUnavailableError */
  async replicated(name: Name, keyOf: (role: Role) => string, args: ScriptArguments): Promise<ScriptReply> {
    const pipelines = this.#pipelines;
    if (pipelines === undefined) return this.run(name, keyOf, args);
    const script = this.#script(name);
    const keys = script.keys.map(keyOf);
    const values = valuesOf(args, script.args, name);
    return this.#answered(script, () =>
      this.#inTime(keys, (before) => pipelines.run({ lua: script.lua, keys, args: [...values, before] })),
    );
  }

  /**
   * … and shares the round trip with what else is asked of the shard in this turn of the event loop.
   *
   * @throws CoordinatorUnavailableError
   */
  async together(name: Name, { group, keyOf, shared, own, nonce = "" }: CallInBatch<Role>): Promise<ScriptReply> {
    const script = this.#script(name);
    const { parts } = script;
    let sharedArgs = this.#sharedValues.get(shared);
    if (sharedArgs === undefined) {
      sharedArgs = valuesOf(shared, parts.sharedArgs, name);
      this.#sharedValues.set(shared, sharedArgs);
    }
    const call = {
      group,
      sharedKeys: () => parts.sharedKeys.map(keyOf),
      sharedArgs,
      keys: parts.keys.map(keyOf),
      args: valuesOf(own, parts.args, name),
      nonce,
    };
    const batches = this.#batches.get(name) as ScriptBatches;
    return this.#answered(script, () => batches.run(call));
  }

  #bindBatches(name: Name, kind: "replicated" | "plain"): ScriptBatches {
    const { batchedLua: lua, parts } = this.#script(name);
    const command = `${this.#commandOf(name)}_batch`;
    this.#redis.defineCommand(command, { lua });
    const pipelines = kind === "replicated" ? this.#pipelines : undefined;
    const send = async (keys: readonly string[], args: readonly (string | number)[]): Promise<Acknowledged> => {
      if (pipelines !== undefined) return pipelines.run({ lua, keys, args });
      return { reply: await this.#command(command)(keys.length, ...keys, ...args), isReplicated: true };
    };
    return new ScriptBatches(
      (keys, args) => this.#inTime(keys, (before) => send(keys, [...args, before])),
      parts.isRemembered,
    );
  }

  async #send(script: Script<Role>, keyOf: (role: Role) => string, args: ScriptArguments): Promise<Acknowledged> {
    const values = valuesOf(args, script.args, script.name);
    const keys = script.keys.map(keyOf);
    const command = this.#command(this.#commandOf(script.name));
    return this.#inTime(keys, async (before) => ({
      reply: await command(...keys, ...values, before),
      isReplicated: true,
    }));
  }

  /** One that was refused as late was carried out by nobody: Redis' clock is looked at, and it is sent once more. */
  async #inTime(keys: readonly string[], send: (before: string) => Promise<Acknowledged>): Promise<Acknowledged> {
    const [key = ""] = keys;
    if (!this.#deadlines.areKept) return send("");
    try {
      return await send(await this.#deadlines.argumentFor(key));
    } catch (error) {
      if (!isLate(error)) throw error;
    }
    this.#deadlines.forget(key);
    try {
      return await send(await this.#deadlines.argumentFor(key));
    } catch (error) {
      throw isLate(error) ? new CoordinatorUnavailableError(error, "away") : error;
    }
  }

  async #answered(script: Script<Role>, send: () => Promise<Acknowledged>): Promise<ScriptReply> {
    const sentAt = performance.now();
    const acknowledged = await asked(send);
    this.#onAnswered?.(script.name as Name, performance.now() - sentAt);
    return new ScriptReply(script, acknowledged);
  }

  #script(name: Name): Script<Role> {
    return this.#scripts.get(name) as Script<Role>;
  }

  #commandOf(name: string): string {
    return `${this.#set.commandPrefix}_${name}`;
  }

  #command(name: string): (...args: (string | number)[]) => Promise<unknown[]> {
    const commands = this.#redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown[]>>;
    return (...args) => (commands[name] as (typeof commands)[string]).apply(this.#redis, args);
  }
}

function valuesOf(given: ScriptArguments, names: readonly string[], script: string): (string | number)[] {
  return names.map((name) => {
    const value = given[name];
    if (value === undefined) throw new TypeError(`the script ${script} expects the argument ${name}`);
    return value;
  });
}
