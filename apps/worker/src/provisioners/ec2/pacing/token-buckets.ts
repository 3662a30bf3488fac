/**
 * Token buckets in Redis, by Redis' clock, shared by everybody with the same prefix. A taker is told how long to wait and
 * has its tokens from then on: nobody asks twice, and nobody who comes later goes first.
 */
import type { Cluster, Redis } from "ioredis";
import type { BucketLimit } from "./limits.ts";

export interface Take extends BucketLimit {
  readonly bucket: string;
  readonly tokens: number;
}

export interface Reservation {
  /** From now, ms. */
  readonly waitMs: number;
  /** Gives the tokens back, if nobody has reserved after it; else they are lost. */
  giveBack(): Promise<void>;
}

/**
 * KEYS: the buckets, a hash each: `fullAt` (when it will be full again, ms), `slowUntil`.
 * ARGV: size, perSecond, tokens for each bucket.
 * Reply: {how long to wait in ms, fullAt of each bucket}
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local reply = { 0 }
for i, key in ipairs(KEYS) do
  local size, perMs, tokens = tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1] / 1000, tonumber(ARGV[3 * i])
  local state = redis.call('HMGET', key, 'fullAt', 'slowUntil')
  local slowUntil = tonumber(state[2] or 0)
  local burstMs = size / perMs
  if now < slowUntil then perMs = perMs / 2 end
  local fullAt = math.max(tonumber(state[1] or 0), now) + tokens / perMs
  reply[1] = math.max(reply[1], math.ceil(fullAt - now - burstMs))
  reply[i + 1] = string.format('%.3f', fullAt)
  redis.call('HSET', key, 'fullAt', reply[i + 1])
  redis.call('PEXPIRE', key, math.ceil(math.max(fullAt, slowUntil) - now) + 1000)
end
return reply`;

/** KEYS as above. ARGV: perSecond, tokens, fullAt as it was reserved, for each. */
const GIVE_BACK = `
for i, key in ipairs(KEYS) do
  local perMs, tokens, mine = ARGV[3 * i - 2] / 1000, tonumber(ARGV[3 * i - 1]), ARGV[3 * i]
  if redis.call('HGET', key, 'fullAt') == mine then
    redis.call('HSET', key, 'fullAt', string.format('%.3f', mine - tokens / perMs))
  end
end`;

/** KEYS: one bucket. ARGV: size, perSecond, for how long in ms. It is empty now and refills half as fast for a while. */
const SLOW_DOWN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local empty = now + ARGV[1] / (ARGV[2] / 1000)
local fullAt = math.max(tonumber(redis.call('HGET', KEYS[1], 'fullAt') or 0), empty)
redis.call('HSET', KEYS[1], 'fullAt', string.format('%.3f', fullAt), 'slowUntil', string.format('%.3f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(fullAt - now, tonumber(ARGV[3]))) + 1000)`;

export class TokenBuckets {
  readonly #redis: Redis | Cluster;
  readonly #prefix: string;

  /** `prefix` as everywhere, "rc". The connection stays the caller's. */
  constructor(redis: Redis | Cluster, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Reserves from all of them or, when Redis does not answer, rejects. */
  async take(takes: readonly Take[]): Promise<Reservation> {
    const keys = takes.map(({ bucket }) => this.#key(bucket));
    const args = takes.flatMap(({ size, perSecond, tokens }) => [size, perSecond, tokens]);
    const [waitMs, ...fullAt] = (await this.#redis.eval(TAKE, keys.length, ...keys, ...args)) as [number, ...string[]];
    const mine = takes.flatMap(({ perSecond, tokens }, i) => [perSecond, tokens, fullAt[i] as string]);
    return {
      waitMs,
      giveBack: async () => void (await this.#redis.eval(GIVE_BACK, keys.length, ...keys, ...mine)),
    };
  }

  /** The server said that the bucket is empty, so it is, and we know too little: half the refill for `forMs`. */
  async slowDown(bucket: string, { size, perSecond }: BucketLimit, forMs: number): Promise<void> {
    await this.#redis.eval(SLOW_DOWN, 1, this.#key(bucket), size, perSecond, forMs);
  }

  #key(bucket: string): string {
    return `{${this.#prefix}:ec2}:bucket:${bucket}`;
  }
}
