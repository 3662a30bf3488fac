/** Connections to a server, to the master of a Sentinel group, or to a Cluster. */
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { parseRedisUrl, type RedisAddress } from "./address.ts";
import { type TlsSettings, tlsOptions } from "./tls.ts";

/**
 * How a process bears Redis being away. The API answers "not now" within a second and keeps nothing waiting; a worker
 * waits for it to come back.
 */
export type Patience = "fail-fast" | "wait";

export interface RedisSettings extends TlsSettings {
  readonly REDIS_URL: string;
  /** Those that the Sentinels themselves ask for. */
  readonly REDIS_SENTINEL_USERNAME?: string | undefined;
  readonly REDIS_SENTINEL_PASSWORD?: string | undefined;
}

const RECONNECT_MS = { least: 50, most: 1_000 };
const ANSWER_WITHIN_MS = 800;

/** Connects as the settings say. @throws ConfigurationError */
export function connectRedis(settings: RedisSettings, patience: Patience, logger: Logger): Redis | Cluster {
  const address = parseRedisUrl(settings.REDIS_URL);
  const tls = tlsOptions(settings, address.isEncrypted);
  const options: RedisOptions = {
    username: address.username,
    password: address.password,
    db: address.database,
    retryStrategy: reconnectAfter,
    connectTimeout: 2_000,
    ...(tls && { tls }),
    ...(patience === "fail-fast"
      ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: ANSWER_WITHIN_MS }
      : { maxRetriesPerRequest: null }),
  };
  const redis = open(address, options, settings);
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

/** What the Sentinels themselves are told. */
export function sentinelLogin({ REDIS_SENTINEL_USERNAME: username, REDIS_SENTINEL_PASSWORD: password }: RedisSettings) {
  return { username, password };
}

function open(address: RedisAddress, options: RedisOptions, settings: RedisSettings): Redis | Cluster {
  const nodes = [...address.nodes];
  switch (address.kind) {
    case "server":
      return new Redis({ ...options, ...nodes[0] });
    case "sentinel": {
      const { username: sentinelUsername, password: sentinelPassword } = sentinelLogin(settings);
      return new Redis({
        ...options,
        sentinels: nodes,
        name: address.group as string,
        sentinelUsername,
        sentinelPassword,
        // Without the first ioredis encrypts nothing here, whatever `tls` says; the second is for the Sentinels themselves.
        ...(options.tls && { enableTLSForSentinelMode: true, sentinelTLS: options.tls }),
      });
    }
    case "cluster": {
      const { retryStrategy: _, db: __, enableOfflineQueue, ...redisOptions } = options;
      return new Cluster(nodes, {
        redisOptions,
        clusterRetryStrategy: reconnectAfter,
        enableOfflineQueue: enableOfflineQueue ?? true,
        // Ten a second while a slot has no master: a worker waits for one, the API for no longer than it may.
        maxRedirections: options.maxRetriesPerRequest === null ? Number.MAX_SAFE_INTEGER : ANSWER_WITHIN_MS / 100,
      });
    }
  }
}
