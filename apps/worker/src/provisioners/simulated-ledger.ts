import type { Cluster, Redis } from "ioredis";

/** An effect on a simulated resource. */
export type Effect = "begin" | "end" | "stop";

/** An attempt, as the resource sees it. */
export interface Actor {
  readonly workspaceId: string;
  readonly cycleId: string;
  readonly attempt: number;
  readonly fencingToken: number;
}

export interface LedgerEntry extends Actor {
  /** Milliseconds since the epoch, by the ledger's own clock. */
  readonly at: number;
  readonly effect: Effect | "refused";
}

/**
 * The simulated resource and its append-only memory of what was done to it: what tests and benchmarks judge the
 * coordinator by, and what no coordinator code reads.
 */
export interface Ledger {
  /**
   * Judges and notes in one step: a token below the highest this workspace has seen is refused and only the refusal
   * logged; any other is now the highest, and the effect is appended. "claim" raises the token and appends nothing.
   */
  apply(effect: Effect | "claim", actor: Actor): Promise<"applied" | "refused">;
  lastEffect(workspaceId: string): Promise<Effect | undefined>;
  /** Reads every effect, oldest first. */
  entries(): Promise<LedgerEntry[]>;
  /** Reads every refusal, oldest first. */
  refusals(): Promise<LedgerEntry[]>;
}

/** A ledger of one process. */
export class MemoryLedger implements Ledger {
  readonly #tokens = new Map<string, number>();
  readonly #last = new Map<string, Effect>();
  readonly #entries: LedgerEntry[] = [];
  readonly #refusals: LedgerEntry[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async apply(effect: Effect | "claim", actor: Actor): Promise<"applied" | "refused"> {
    const { workspaceId, cycleId, attempt, fencingToken } = actor;
    const entry = { at: this.#now(), workspaceId, cycleId, attempt, fencingToken };
    if (fencingToken < (this.#tokens.get(workspaceId) ?? 0)) {
      this.#refusals.push({ ...entry, effect: "refused" });
      return "refused";
    }
    this.#tokens.set(workspaceId, fencingToken);
    if (effect !== "claim") {
      this.#last.set(workspaceId, effect);
      this.#entries.push({ ...entry, effect });
    }
    return "applied";
  }

  async lastEffect(workspaceId: string): Promise<Effect | undefined> {
    return this.#last.get(workspaceId);
  }

  async entries(): Promise<LedgerEntry[]> {
    return [...this.#entries];
  }

  async refusals(): Promise<LedgerEntry[]> {
    return [...this.#refusals];
  }
}

// KEYS  1 tokens (hash: workspace → highest seen)  2 last (hash: workspace → effect)  3 entries (list)  4 refusals (list)
// ARGV  1 workspace  2 token  3 effect, or "claim"  4 the entry as JSON, without its time and effect
// Reply "applied" or "refused"
const applyScript = `
local time = redis.call("TIME")
local at = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
local function entry(effect)
  return '{"at":' .. at .. ',"effect":"' .. effect .. '",' .. string.sub(ARGV[4], 2)
end
if tonumber(ARGV[2]) < tonumber(redis.call("HGET", KEYS[1], ARGV[1]) or 0) then
  redis.call("RPUSH", KEYS[4], entry("refused"))
  return "refused"
end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] ~= "claim" then
  redis.call("HSET", KEYS[2], ARGV[1], ARGV[3])
  redis.call("RPUSH", KEYS[3], entry(ARGV[3]))
end
return "applied"`;

/** A ledger that processes share: `{ledger:<name>}:…`, outside the coordinator's prefix. It grows until `clear`. */
export class RedisLedger implements Ledger {
  readonly #redis: Redis | Cluster;
  readonly #keys: { readonly [name in "tokens" | "last" | "entries" | "refusals"]: string };

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, name: string) {
    const key = (part: string) => `{ledger:${name}}:${part}`;
    this.#redis = redis;
    this.#keys = { tokens: key("tokens"), last: key("last"), entries: key("entries"), refusals: key("refusals") };
  }

  async apply(effect: Effect | "claim", actor: Actor): Promise<"applied" | "refused"> {
    const { workspaceId, cycleId, attempt, fencingToken } = actor;
    const { tokens, last, entries, refusals } = this.#keys;
    const entry = JSON.stringify({ workspaceId, cycleId, attempt, fencingToken });
    const keys = [tokens, last, entries, refusals];
    const reply = await this.#redis.eval(applyScript, keys.length, ...keys, workspaceId, fencingToken, effect, entry);
    return reply as "applied" | "refused";
  }

  async lastEffect(workspaceId: string): Promise<Effect | undefined> {
    return ((await this.#redis.hget(this.#keys.last, workspaceId)) as Effect | null) ?? undefined;
  }

  async entries(): Promise<LedgerEntry[]> {
    return this.#read(this.#keys.entries);
  }

  async refusals(): Promise<LedgerEntry[]> {
    return this.#read(this.#keys.refusals);
  }

  /** Forgets everything, the tokens too. */
  async clear(): Promise<void> {
    await this.#redis.del(...Object.values(this.#keys));
  }

  async #read(key: string): Promise<LedgerEntry[]> {
    return (await this.#redis.lrange(key, 0, -1)).map((entry) => JSON.parse(entry) as LedgerEntry);
  }
}
