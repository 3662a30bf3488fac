import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { ConfigurationError } from "./configuration-error.ts";

/**
 * How a process bears Redis being away. The API answers "not now" within a second and keeps nothing waiting; a worker
 * waits for it to come back.
 */
export type Patience = "fail-fast" | "wait";

const RECONNECT_MS = { least: 50, most: 1_000 };
const ANSWER_WITHIN_MS = 800;

/** Connects to a server, a Sentinel group or a Cluster, as the URL says. @throws ConfigurationError */
export function connectRedis(url: string, patience: Patience, logger: Logger): Redis | Cluster {
  const options: RedisOptions = {
    retryStrategy: reconnectAfter,
    connectTimeout: 2_000,
    ...(patience === "fail-fast"
      ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: ANSWER_WITHIN_MS }
      : { maxRetriesPerRequest: null }),
  };
  const redis = open(url, options);
  let away = false;
  redis.on("error", (error: Error) => {
    // ioredis reports every failed attempt: one line when Redis goes away, one when it is back.
    if (!away) logger.warn({ err: { message: error.message } }, "Redis is away");
    away = true;
  });
  redis.on("ready", () => {
    if (away) logger.info("Redis is back");
    away = false;
  });
  return redis;
}

/** A further connection like the given one, for commands that block: it waits for Redis, however long it is away. */
export function blockingConnection(redis: Redis | Cluster): Redis | Cluster {
  const waiting = { maxRetriesPerRequest: null, enableOfflineQueue: true, commandTimeout: undefined };
  if (!(redis instanceof Cluster)) return redis.duplicate(waiting);
  const redisOptions = { ...redis.options.redisOptions, ...waiting };
  return redis.duplicate([], { enableOfflineQueue: true, redisOptions });
}

function reconnectAfter(times: number): number {
  return Math.min(RECONNECT_MS.least * times, RECONNECT_MS.most);
}

function open(url: string, options: RedisOptions): Redis | Cluster {
  const scheme = /^([a-z+]+):\/\//.exec(url)?.[1];
  if (scheme === "redis" || scheme === "rediss") {
    if (!isServerUrl(url)) throw unusable("redis://user:password@host:port/database");
    return new Redis(url, options);
  }
  if (scheme === "redis+sentinel" || scheme === "rediss+sentinel") {
    const { nodes, password, username, path } = parseNodes(url, 26_379);
    const [name, db = "0", ...more] = path.split("/");
    if (!/^\d+$/.test(db) || more.length > 0) throw unusable("host:port,host:port/master-name/database");
    const sentinel = { sentinels: nodes, name: name || "mymaster", db: Number(db), username, password, ...options };
    return new Redis(scheme.startsWith("rediss") ? { ...sentinel, tls: {} } : sentinel);
  }
  if (scheme === "redis+cluster" || scheme === "rediss+cluster") {
    const { nodes, password, username } = parseNodes(url, 6_379);
    const { retryStrategy: _, enableOfflineQueue, ...each } = options;
    const redisOptions = { ...each, username, password, ...(scheme.startsWith("rediss") && { tls: {} }) };
    const cluster = {
      redisOptions,
      clusterRetryStrategy: reconnectAfter,
      enableOfflineQueue: enableOfflineQueue ?? true,
      // Ten a second while a slot has no master: a worker waits for one, the API for no longer than it may.
      maxRedirections: options.maxRetriesPerRequest === null ? Number.MAX_SAFE_INTEGER : ANSWER_WITHIN_MS / 100,
    };
    return new Cluster(nodes, cluster);
  }
  const got = scheme === undefined ? "no scheme" : `${scheme}://`;
  throw new ConfigurationError([
    `REDIS_URL: expected redis://, rediss://, redis+sentinel:// or redis+cluster://, got ${got}`,
  ]);
}

/** What ioredis would stumble over itself: with a TypeError, or much later. */
function isServerUrl(url: string): boolean {
  return URL.canParse(url) && /^(\/\d*)?$/.test(new URL(url).pathname);
}

const NODE = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

function parseNodes(url: string, defaultPort: number) {
  const [, credentials = "", hosts = "", path = ""] = /^[a-z+]+:\/\/(?:([^@/]*)@)?([^/]*)\/?(.*)$/.exec(url) ?? [];
  const [, username, password] = /^([^:]*)(?::(.*))?$/.exec(credentials)?.map(decoded) ?? [];
  const nodes = hosts.split(",").map((node) => {
    const [, address, name, port = String(defaultPort)] = NODE.exec(node) ?? [];
    const host = address ?? name;
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw unusable("host:port,host:port");
    return { host, port: Number(port) };
  });
  return { nodes, path, username: username || undefined, password: password || undefined };
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    throw unusable("a percent-encoded user and password");
  }
}

/** Says what was expected, never what came: it may hold a password. */
function unusable(expected: string): ConfigurationError {
  return new ConfigurationError([`REDIS_URL: expected ${expected}, special characters of a password percent-encoded`]);
}
