/**
 * What keeps Redis from doing what it was asked: one name for each condition, wherever it is told. Readiness, metrics, log
 * lines and the API's answers all take their words from here.
 */

interface Meaning {
  /** A sentence about Redis, without its first word. */
  readonly says: string;
  /** What a person can do about it. */
  readonly remedy: string;
  /** Redis' own words for it: the error code, in front or, from within a script of an older server, behind a dash. */
  readonly words?: RegExp;
}

const MEANINGS = {
  away: { says: "is away", remedy: "see whether it runs, and whether it can be reached from here" },
  loading: { says: "is loading its data", remedy: "wait until it has", words: code("LOADING") },
  "read-only": {
    says: "is a replica here and takes no writes",
    remedy: "name its Sentinels or the master in REDIS_URL",
    words: code("READONLY", "UNBLOCKED"),
  },
  "out-of-memory": {
    says: "has reached its maxmemory and takes no writes",
    remedy: "raise maxmemory, or take away what else it holds",
    words: code("OOM"),
  },
  "not-persisting": {
    says: "cannot save its data and takes no writes",
    remedy: "see its log and its disk (stop-writes-on-bgsave-error)",
    words: code("MISCONF"),
  },
  "too-few-replicas": {
    says: "has fewer good replicas than its min-replicas-to-write and takes no writes",
    remedy: "bring its replicas back",
    words: code("NOREPLICAS"),
  },
  "not-replicated": {
    says: "has too few replicas that have what was recorded",
    remedy: "bring its replicas back, or lower RESTART_MIN_REPLICAS",
  },
  busy: { says: "is busy with a script", remedy: "see its slow log for whose it is", words: code("BUSY") },
  "master-down": {
    says: "has lost its master",
    remedy: "see why no other took over",
    words: code("MASTERDOWN"),
  },
  "cluster-down": {
    says: "is a Cluster whose slots are not all served",
    remedy: "see CLUSTER INFO on its nodes",
    words: code("CLUSTERDOWN", "TRYAGAIN", "ASK", "MOVED"),
  },
  "not-permitted": {
    says: "does not permit this user a command or a key",
    remedy: "grant its user what docs/deployment.md names",
    words: /^NOPERM\b|\buser executing the script can't\b/,
  },
  "not-authenticated": {
    says: "refuses the user or the password",
    remedy: "set those it knows in REDIS_URL",
    words: code("NOAUTH", "WRONGPASS"),
  },
} as const satisfies Readonly<Record<string, Meaning>>;

export type RedisCondition = keyof typeof MEANINGS;

export const REDIS_CONDITIONS = Object.keys(MEANINGS) as readonly RedisCondition[];

function code(...codes: readonly string[]): RegExp {
  return new RegExp(`(?:^|: -)(?:${codes.join("|")})\\b`);
}

/** The condition that Redis names in a reply; undefined for a reply that is about the question, not about Redis. */
export function conditionInReply(message: string): RedisCondition | undefined {
  return REDIS_CONDITIONS.find((condition) => {
    const { words }: Meaning = MEANINGS[condition];
    return words?.test(message);
  });
}

/** Says what is wrong, as a sentence. */
export function describeCondition(condition: RedisCondition): string {
  return `Redis ${MEANINGS[condition].says}`;
}

/** Says what a person can do about it. */
export function remedyOf(condition: RedisCondition): string {
  return MEANINGS[condition].remedy;
}
