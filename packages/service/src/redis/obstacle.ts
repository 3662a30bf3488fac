/**
 * Finds out what keeps a process from Redis. Of Sentinels and of a Cluster ioredis tells only that a connection closed: so
 * every node that REDIS_URL names is asked once by itself.
 */
import { Redis } from "ioredis";
import { parseRedisUrl, type RedisNode } from "./address.ts";
import { type RedisSettings, sentinelLogin } from "./connect.ts";
import { tlsOptions } from "./tls.ts";

export interface Obstacle {
  readonly node: RedisNode;
  readonly error: Error;
}

const CONNECT_WITHIN_MS = 2_000;

/** What keeps it from each node that is named; none where one lets it in. @throws ConfigurationError */
export async function findObstacles(settings: RedisSettings): Promise<Obstacle[]> {
  const address = parseRedisUrl(settings.REDIS_URL);
  const tls = tlsOptions(settings, address.isEncrypted);
  const { username, password } = address.kind === "sentinel" ? sentinelLogin(settings) : address;
  const options = { username, password, ...(tls && { tls }) };
  const errors = await Promise.all(address.nodes.map((node) => errorAt(new Redis({ ...QUICK, ...options, ...node }))));
  const obstacles = errors.flatMap((error, i) => (error ? [{ node: address.nodes[i] as RedisNode, error }] : []));
  return obstacles.length === errors.length ? obstacles : [];
}

const QUICK = {
  lazyConnect: true,
  retryStrategy: null,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  connectTimeout: CONNECT_WITHIN_MS,
  socketTimeout: CONNECT_WITHIN_MS,
};

async function errorAt(redis: Redis): Promise<Error | undefined> {
  let first: Error | undefined;
  redis.on("error", (error: Error) => {
    first ??= error;
  });
  const failed = await redis.connect().then(
    () => undefined,
    (error: Error) => error,
  );
  redis.disconnect();
  return failed && (first ?? failed);
}

const TLS_CODES =
  /^(ERR_TLS|ERR_SSL|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** What no waiting changes: a certificate or a password that one of the two sides does not take. */
export function isPermanent(error: Error): boolean {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return TLS_CODES.test(code) || /\b(WRONGPASS|NOAUTH)\b/.test(error.message);
}
