/**
 * Nothing that a caller has given up on is carried out later. A connection with a `commandTimeout` only stops waiting: what
 * it has sent may still be on its way, and arrive once the path heals. So every script is told by when, by Redis' own clock,
 * it must have begun; after that it refuses.
 *
 * Redis' clock is known from its last answer to a TIME, and never taken for earlier than it is: who gives up after so many
 * milliseconds names a deadline that comes no later.
 */
import { Cluster, type Redis } from "ioredis";

/** In front of every script; the last argument is the deadline, or empty. */
export const REFUSE_WHEN_LATE = `do
  local before = (ARGV[#ARGV] or ''):match('^before (%d+)$')
  if before then
    local time = redis.call('TIME')
    if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(before) then
      return redis.error_reply('LATE who asked has given up')
    end
  end
end
`;

/** A clock that is older is asked for anew beside the call; one that is much older, before it. */
const FRESH_FOR_MS = 1_000;
const KNOWN_FOR_MS = 30_000;

interface Seen {
  /** To be added to this process' own clock, ms: never more than is true. */
  readonly offset: number;
  readonly at: number;
}

export class Deadlines {
  readonly #redis: Redis | Cluster;
  readonly #patienceMs: number | undefined;
  /** By hash tag: in a Cluster each may be on a server of its own. */
  readonly #seen = new Map<string, Seen>();
  readonly #asking = new Map<string, Promise<Seen>>();

  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
    const options = redis instanceof Cluster ? redis.options.redisOptions : redis.options;
    this.#patienceMs = options?.commandTimeout;
  }

  /** Whether callers give up at all. */
  get areKept(): boolean {
    return this.#patienceMs !== undefined;
  }

  /** The last argument of a script that is sent now. `key`: one of its own. Rejects as a command does. */
  async argumentFor(key: string): Promise<string> {
    if (this.#patienceMs === undefined) return "";
    const now = performance.now();
    const tag = tagOf(key);
    let seen = this.#seen.get(tag);
    const ageMs = seen === undefined ? Number.POSITIVE_INFINITY : now - seen.at;
    if (seen === undefined || ageMs > KNOWN_FOR_MS) seen = await this.#ask(tag, key);
    else if (ageMs > FRESH_FOR_MS) this.#ask(tag, key).catch(() => {});
    return `before ${Math.floor(now + seen.offset + this.#patienceMs)}`;
  }

  /** What was known of Redis' clock is not true any more: it was set, or another server answers. */
  forget(key: string): void {
    this.#seen.delete(tagOf(key));
  }

  /** Those who ask at the same time share an answer. */
  #ask(tag: string, key: string): Promise<Seen> {
    const asking =
      this.#asking.get(tag) ??
      this.#look(key)
        .then((seen) => {
          this.#seen.set(tag, seen);
          return seen;
        })
        .finally(() => this.#asking.delete(tag));
    this.#asking.set(tag, asking);
    return asking;
  }

  async #look(key: string): Promise<Seen> {
    const time = (await this.#redis.eval("return redis.call('TIME')", 1, key)) as [string, string];
    const at = performance.now();
    return { offset: Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000) - at, at };
  }
}

/** Whether a script refused because its deadline was over. */
export function isLate(error: unknown): boolean {
  return error instanceof Error && /^LATE\b/.test(error.message);
}

function tagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
