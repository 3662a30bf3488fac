/** What each server says of itself. */
import { Cluster, type Redis } from "ioredis";

export interface ServerInfo {
  /** Of Redis, or the one that a compatible server says it is like. */
  readonly version: string;
  /** What becomes of keys when its memory is full; undefined where it does not tell. */
  readonly evictionPolicy: string | undefined;
  /** How many keys it has evicted since it was started. */
  readonly evictedKeys: number;
}

/** Asks every master. */
export function readServerInfo(redis: Redis | Cluster): Promise<ServerInfo[]> {
  const servers = redis instanceof Cluster ? redis.nodes("master") : [redis];
  return Promise.all(servers.map(readOne));
}

async function readOne(server: Redis): Promise<ServerInfo> {
  const text = await server.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1];
  const evictionPolicy = field("maxmemory_policy") ?? (await configured(server, "maxmemory-policy"));
  return { version: field("redis_version") ?? "0", evictionPolicy, evictedKeys: Number(field("evicted_keys") ?? 0) };
}

/** Undefined where CONFIG may not be asked, as with most users that are good enough. */
async function configured(server: Redis, setting: string): Promise<string | undefined> {
  const answer = (await server.config("GET", setting).catch(() => [])) as readonly string[];
  return answer[1];
}
