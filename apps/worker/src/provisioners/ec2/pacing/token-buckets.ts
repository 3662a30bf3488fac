/**
 * Token buckets in Redis, by Redis' clock, shared by everybody with the same prefix. A taker is told how long to wait and
 * has its tokens from then on: nobody asks twice, and nobody who comes later goes first.
 */
import { randomUUID } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import type { BucketLimit } from "./limits.ts";

export interface Take extends BucketLimit {
  readonly bucket: string;
  readonly tokens: number;
}

export interface Reservation {
  /** How many takers there were of late, this one among them. */
  readonly takers: number;
  /** From now, ms. */
  readonly waitMs: number;
  /** Gives the tokens back, if nobody has reserved after it; else they are lost. */
  giveBack(): Promise<void>;
}

/** Who has taken nothing for so long counts no more, ms. */
const TAKER_MS = 60_000;

/**
 * KEYS: the takers (sorted set: id → when it took last, ms), then the buckets, a hash each: `fullAt` (when it will be full
 * again, ms), `slowUntil`.
 * ARGV: the taker's id, TAKER_MS, then size, perSecond, tokens for each bucket.
 * Reply: {how long to wait in ms, how many takers, fullAt of each bucket}
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local reply = { 0, redis.call('ZCARD', KEYS[1]) }
for i = 2, #KEYS do
  local key, at = KEYS[i], 3 * i - 3
  local size, perMs, tokens = tonumber(ARGV[at]), ARGV[at + 1] / 1000, tonumber(ARGV[at + 2])
  local state = redis.call('HMGET', key, 'fullAt', 'slowUntil')
  local slowUntil = tonumber(state[2] or 0)
  local burstMs = size / perMs
  if now < slowUntil then perMs = perMs / 2 end
  local fullAt = math.max(tonumber(state[1] or 0), now) + tokens / perMs
  reply[1] = math.max(reply[1], math.ceil(fullAt - now - burstMs))
  reply[#reply + 1] = string.format('%.3f', fullAt)
  redis.call('HSET', key, 'fullAt', reply[#reply])
  redis.call('PEXPIRE', key, math.ceil(math.max(fullAt, slowUntil) - now) + 1000)
end
return reply`;

/** KEYS: the buckets. ARGV: perSecond, tokens, fullAt as it was reserved, for each. */
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
  readonly #taker = randomUUID();

  /** `prefix` as everywhere, "rc". The connection stays the caller's. */
  constructor(redis: Redis | Cluster, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Reserves from all of them or, when Redis does not answer, rejects. */
  async take(takes: readonly Take[]): Promise<Reservation> {
    const keys = takes.map(({ bucket }) => this.#key(bucket));
    const args = [this.#taker, TAKER_MS, ...takes.flatMap(({ size, perSecond, tokens }) => [size, perSecond, tokens])];
    const [waitMs, takers, ...fullAt] = (await this.#redis.eval(
      ...([TAKE, keys.length + 1, `{${this.#prefix}:ec2}:takers`, ...keys, ...args] as const),
    )) as [number, number, ...string[]];
    const mine = takes.flatMap(({ perSecond, tokens }, i) => [perSecond, tokens, fullAt[i] as string]);
    return {
      waitMs,
      takers,
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
