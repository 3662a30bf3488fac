/**
 * Runs a script and asks how many replicas have what it wrote. Script and WAIT go in one pipeline on one connection: a
 * WAIT that came after a reconnection would speak for another server, which may never have seen the write. When a
 * connection breaks between the two answers, ioredis fails the WAIT instead of sending it again.
 */
import type { Cluster, Redis } from "ioredis";
import type { Script } from "./scripts.ts";

export interface Replication {
  /** As many replicas must have a write before it counts; 0 = do not ask. */
  readonly minReplicas: number;
  /** Not longer than this, ms. The connection does nothing else meanwhile. */
  readonly timeoutMs: number;
}

export interface Acknowledged {
  readonly reply: unknown[];
  readonly replicas: number;
}

export async function runAndWait(
  redis: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
  { minReplicas, timeoutMs }: Replication,
): Promise<Acknowledged> {
  const server = isCluster(redis) ? await masterOf(redis, keys[0] as string) : redis;
  const results = await server
    .pipeline()
    .eval(script.lua, keys.length, ...keys, ...args)
    .call("WAIT", minReplicas, timeoutMs)
    .exec();
  const [[scriptError, reply] = [], [waitError, replicas] = []] = results ?? [];
  const error = scriptError ?? waitError;
  if (error) {
    // The slot may have moved: unlike the cluster's own commands, a pipeline to one node does not find that out.
    if (isCluster(redis)) redis.refreshSlotsCache();
    throw error;
  }
  return { reply: reply as unknown[], replicas: replicas as number };
}

function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster;
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
