import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ownPrefix, redisUrl } from "../../../../../tests/setup/shared-redis.ts";
import { AWS_LIMITS, ownLimits } from "../../../src/provisioners/ec2/pacing/index.ts";
import { TokenBuckets } from "../../../src/provisioners/ec2/pacing/token-buckets.ts";

describe("buckets in Redis", () => {
  let redis: Redis;
  let prefix: string;
  let buckets: TokenBuckets;
  beforeAll(() => {
    redis = new Redis(redisUrl());
  });
  beforeEach(() => {
    prefix = ownPrefix();
    buckets = new TokenBuckets(redis, prefix);
  });
  afterAll(() => redis.quit());

  /** A token comes back once in 1,000 s: the time that the test takes does not count. */
  const slow = { bucket: "slow", size: 3, perSecond: 0.001, tokens: 1 };
  const seconds = ({ waitMs }: { waitMs: number }) => Math.ceil(waitMs / 100_000) * 100;

  it("give what they hold at once, then one for each refill, in the order of asking, whoever asks", async () => {
    const other = new TokenBuckets(redis, prefix);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) waits.push(seconds(await (i % 2 ? other : buckets).take([slow])));
    expect(waits).toEqual([0, 0, 0, 1_000, 2_000, 3_000]);
  });

  it("are taken together: the one that is furthest behind sets the wait", async () => {
    const small = { ...slow, bucket: "small", size: 1 };
    expect(seconds(await buckets.take([slow, small]))).toBe(0);
    expect(seconds(await buckets.take([slow, small]))).toBe(1_000);
    expect(seconds(await buckets.take([slow]))).toBe(0);
    expect(seconds(await buckets.take([slow]))).toBe(1_000);
    expect(seconds(await buckets.take([{ ...slow, bucket: "many", tokens: 5 }]))).toBe(2_000);
  });

  it("take back what was reserved last, and nothing that others came after", async () => {
    await buckets.take([{ ...slow, tokens: 3 }]);
    const [first, second] = [await buckets.take([slow]), await buckets.take([slow])];
    await first.giveBack();
    expect(seconds(await buckets.take([slow]))).toBe(3_000);
    await second.giveBack();
    const last = await buckets.take([slow]);
    await last.giveBack();
    expect(seconds(await buckets.take([slow]))).toBe(4_000);
  });

  it("are empty after a throttled call, and refill half as fast for a while", async () => {
    await buckets.slowDown(slow.bucket, slow, 60_000);
    // The one token counts as two.
    expect(seconds(await buckets.take([slow]))).toBe(2_000);
  });

  it("tell each taker how many there are", async () => {
    expect((await buckets.take([slow])).takers).toBe(1);
    expect((await new TokenBuckets(redis, prefix).take([slow])).takers).toBe(2);
    expect((await buckets.take([slow])).takers).toBe(2);
  });

  it("live in one slot and expire once they are full", async () => {
    await buckets.take([{ ...slow, perSecond: 1 }]);
    const keys = (await redis.keys(`{${prefix}:ec2}:*`)).sort();
    expect(keys).toEqual([`{${prefix}:ec2}:bucket:slow`, `{${prefix}:ec2}:takers`]);
    for (const [i, most] of [2_001, 60_000].entries()) {
      const expiry = await redis.pttl(keys[i] as string);
      expect(expiry).toBeGreaterThan(0);
      expect(expiry).toBeLessThanOrEqual(most);
    }
  });
});

describe("our own limits", () => {
  it("stay below the account's: a burst and what is under way fit into its bucket together", () => {
    const own = ownLimits(AWS_LIMITS);
    for (const [name, { requests, inFlight = 0 }] of Object.entries(own)) {
      const account = AWS_LIMITS[name as keyof typeof own].requests;
      expect(requests.size + inFlight).toBeLessThanOrEqual(account.size);
      expect(requests.perSecond).toBeCloseTo(account.perSecond * 0.9);
    }
    expect(() => ownLimits(AWS_LIMITS, { share: 1.1 })).toThrow(RangeError);
  });
});
