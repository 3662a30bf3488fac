/** Kills workspaces: the simulated resource is dead from then on, and the ledger has when. */
import { Redis } from "ioredis";
import { LEDGER } from "./system.ts";

// KEYS  1 tokens  2 last  3 entries  of the ledger    ARGV  1 workspace
const KILL = `
if redis.call("HGET", KEYS[2], ARGV[1]) ~= "end" then return 0 end
local time = redis.call("TIME")
redis.call("HSET", KEYS[2], ARGV[1], "die")
redis.call("RPUSH", KEYS[3], cjson.encode({ at = time[1] * 1000 + math.floor(time[2] / 1000), workspaceId = ARGV[1],
  cycleId = "", attempt = 0, fencingToken = tonumber(redis.call("HGET", KEYS[1], ARGV[1])), effect = "die" }))
return 1`;

export class Reaper {
  readonly #redis: Redis;

  constructor(ledgerUrl: string) {
    this.#redis = new Redis(ledgerUrl);
  }

  /** Tells whether it was alive. */
  async kill(workspaceId: string): Promise<boolean> {
    const keys = ["tokens", "last", "entries"].map((part) => `{ledger:${LEDGER}}:${part}`);
    return (await this.#redis.eval(KILL, keys.length, ...keys, workspaceId)) === 1;
  }

  close(): void {
    this.#redis.disconnect();
  }
}
