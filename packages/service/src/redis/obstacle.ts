/**
 * Finds out what keeps a process from Redis. Of Sentinels and of a Cluster ioredis tells only that a connection closed: so
 * every node that REDIS_URL names is asked once by itself.
 */
import { Redis } from "ioredis";
import { parseRedisUrl, type RedisAddress, type RedisNode } from "./address.ts";
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
  const questions: Record<RedisAddress["kind"], Question> = {
    server: async () => {},
    sentinel: (redis) => redis.call("SENTINEL", "get-master-addr-by-name", address.group as string),
    cluster: (redis) => redis.cluster("SLOTS"),
  };
  const question = questions[address.kind];
  const errors = await Promise.all(
    address.nodes.map((node) => errorAt(new Redis({ ...QUICK, ...options, ...node }), question)),
  );
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

type Question = (redis: Redis) => Promise<unknown>;

/** … or from what the connection is asked first. */
async function errorAt(redis: Redis, question: Question): Promise<Error | undefined> {
  let first: Error | undefined;
  redis.on("error", (error: Error) => {
    first ??= error;
  });
  const failed = await redis
    .connect()
    .then(() => question(redis))
    .then(
      () => undefined,
      (error: Error) => error,
    );
  redis.disconnect();
  return failed && (first ?? failed);
}

const TLS_CODES =
  /^(ERR_TLS|ERR_SSL|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** What no waiting changes: a certificate, a password or a permission that one of the two sides does not take or give. */
export function isPermanent(error: Error): boolean {
  return TLS_CODES.test(codeOf(error)) || /\b(WRONGPASS|NOAUTH|NOPERM)\b/.test(error.message);
}

/** Says what is in the way, and what a person has to set. */
export function explainObstacle(error: Error, isOfSentinel = false): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(codeOf(error)) || pattern.test(error.message))?.[1];
  if (remedy === undefined) return error.message;
  const where = isOfSentinel ? "REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD" : "REDIS_URL";
  return `${error.message}: ${remedy.replace("REDIS_URL", where)}`;
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/ALTNAME_INVALID/, "reach it by a name in its certificate, or set REDIS_TLS_SERVER_NAME to one"],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, "give it a certificate that is valid now"],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH/,
    "what listens there speaks no TLS: give its TLS port, or write redis:// for rediss://",
  ],
  [/ALERT/, "set REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE to a certificate that it takes"],
  [TLS_CODES, "set REDIS_TLS_CA_FILE to the authority that has signed its certificate"],
  [/\bNOPERM\b/, "grant its user what docs/deployment.md names"],
  [/\b(WRONGPASS|NOAUTH)\b/, "set the user and the password that it knows in REDIS_URL"],
];

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
