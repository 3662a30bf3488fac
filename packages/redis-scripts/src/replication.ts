/**
 * Runs scripts and asks how many replicas have what they wrote.
 *
 * Scripts and WAIT go in one pipeline on one connection: a WAIT that came after a reconnection would speak for another
 * server, which may never have seen the writes. When a connection breaks among the answers, ioredis fails what is left
 * of the pipeline instead of sending it again.
 *
 * A connection does nothing else while it waits, so calls share one WAIT: those that come while one is under way go
 * together in the next pipeline.
 */
import type { Cluster, Redis } from "ioredis";
import { Batcher } from "./batcher.ts";
import type { Acknowledged } from "./reply.ts";

export interface Replication {
  /** As many replicas must have a write before it counts; 0 = do not ask. */
  readonly minReplicas: number;
  /** Not longer than this, ms. */
  readonly timeoutMs: number;
}

export interface ScriptCall {
  readonly lua: string;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/** A script is sent whole, 10 KB: no more than 1 MB at a time. */
const MOST_PER_PIPELINE = 100;

export class ReplicatedScripts {
  readonly #redis: Redis | Cluster;
  readonly #replication: Replication;
  readonly #pipelines: Batcher<ScriptCall, Acknowledged | { readonly error: Error }>;

  constructor(redis: Redis | Cluster, replication: Replication) {
    this.#redis = redis;
    this.#replication = replication;
    this.#pipelines = new Batcher((calls) => this.#runTogether(calls), MOST_PER_PIPELINE);
  }

  async run(call: ScriptCall): Promise<Acknowledged> {
    const answer = await this.#pipelines.call(isCluster(this.#redis) ? hashTagOf(call) : "", call);
    if ("error" in answer) throw answer.error;
    return answer;
  }

  async #runTogether(calls: readonly ScriptCall[]): Promise<(Acknowledged | { error: Error })[]> {
    const { minReplicas, timeoutMs } = this.#replication;
    const redis = this.#redis;
    const server = isCluster(redis) ? await masterOf(redis, calls[0]?.keys[0] as string) : redis;
    const pipeline = server.pipeline();
    for (const { lua, keys, args } of calls) pipeline.eval(lua, keys.length, ...keys, ...args);
    const results = (await pipeline.call("WAIT", minReplicas, timeoutMs).exec()) ?? [];
    // The slot may have moved: unlike the cluster's own commands, a pipeline to one node does not find that out.
    if (isCluster(redis) && results.some(([error]) => error !== null)) redis.refreshSlotsCache();
    const [waitError, replicas] = results.pop() ?? [];
    if (waitError) throw waitError;
    const isReplicated = (replicas as number) >= minReplicas;
    return results.map(([error, reply]) => (error ? { error } : { reply: reply as unknown[], isReplicated }));
  }
}

function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster;
}

/** Keys with one tag are in one slot. */
function hashTagOf({ keys: [key = ""] }: ScriptCall): string {
  return /\{[^}]+\}/.exec(key)?.[0] ?? key;
}

/** The client of the node that serves the key's slot; the cluster's own commands to that slot use it, too. */
async function masterOf(cluster: Cluster, key: string): Promise<Redis> {
  const slot = Number(await cluster.cluster("KEYSLOT", key));
  const name = cluster.slots[slot]?.[0];
  const node = cluster.nodes("master").find(({ options: { host, port } }) => `${host}:${port}` === name);
  if (node !== undefined) return node;
  cluster.refreshSlotsCache();
  throw new Error(`no master is known for slot ${slot}`);
}
