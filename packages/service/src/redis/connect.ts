/** Connections to a server, to the master of a Sentinel group, or to a Cluster. */
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import { parseRedisUrl, type RedisAddress } from "./address.ts";
import { bearing, clusterBearing, connectionOptions, type Patience } from "./patience.ts";
import { type TlsSettings, tlsOptions } from "./tls.ts";

export interface RedisSettings extends TlsSettings {
  readonly REDIS_URL: string;
  /** Those that the Sentinels themselves ask for. */
  readonly REDIS_SENTINEL_USERNAME?: string | undefined;
  readonly REDIS_SENTINEL_PASSWORD?: string | undefined;
}

/** Connects as the settings say. @throws ConfigurationError */
export function connectRedis(settings: RedisSettings, patience: Patience, logger: Logger): Redis | Cluster {
  const address = parseRedisUrl(settings.REDIS_URL);
  const tls = tlsOptions(settings, address.isEncrypted);
  const options: RedisOptions = {
    username: address.username,
    password: address.password,
    db: address.database,
    ...(tls && { tls }),
    ...connectionOptions(patience),
  };
  const redis = open(address, options, settings, patience);
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
  const waiting = bearing("wait");
  if (!(redis instanceof Cluster)) return redis.duplicate(waiting);
  const redisOptions = { ...redis.options.redisOptions, ...waiting };
  return redis.duplicate([], { ...clusterBearing("wait"), redisOptions });
}

/** What the Sentinels themselves are told. */
export function sentinelLogin({ REDIS_SENTINEL_USERNAME: username, REDIS_SENTINEL_PASSWORD: password }: RedisSettings) {
  return { username, password };
}

function open(
  address: RedisAddress,
  options: RedisOptions,
  settings: RedisSettings,
  patience: Patience,
): Redis | Cluster {
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
      const { retryStrategy: _, db: __, enableOfflineQueue: ___, ...redisOptions } = options;
      return new Cluster(nodes, { redisOptions, ...clusterBearing(patience) });
    }
  }
}
