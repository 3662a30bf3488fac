import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPrefix, redisUrl } from "../../../../../tests/setup/shared-redis.ts";
import { type PaceLimits, Pacer } from "../../../src/provisioners/ec2/pacing/index.ts";

let redis: Redis;
beforeAll(() => {
  redis = new Redis(redisUrl(), { maxRetriesPerRequest: null });
});
afterAll(() => redis.quit());

const plenty = { requests: { size: 1_000, perSecond: 1_000 } };
const limits: PaceLimits = {
  RunInstances: { requests: { size: 1, perSecond: 0.001 } },
  StartInstances: plenty,
  TerminateInstances: { ...plenty, resources: { size: 10, perSecond: 0.001 } },
  CreateTags: plenty,
  Describe: plenty,
  Other: plenty,
};

function requestOf(action: string, given: { instances?: number; dryRun?: boolean; signal?: AbortSignal } = {}) {
  return { action, instances: 1, dryRun: false, signal: undefined, ...given };
}

it("makes a launch wait for the account's bucket, tells how long, and never makes one that was aborted", async () => {
  let launches = 0;
  const waits: [string, number][] = [];
  const make = async () => ++launches;
  const prefix = ownPrefix();
  const onWait = (action: string, ms: number) => void waits.push([action, ms]);
  const [one, other] = [1, 2].map(() => new Pacer({ redis, prefix, limits, onWait }));
  await one?.inTurn(requestOf("RunInstances"), make);
  expect(waits).toEqual([["RunInstances", expect.any(Number)]]);
  const lost = new AbortController();
  const waiting = other?.inTurn(requestOf("RunInstances", { signal: lost.signal }), make);
  await expect.poll(() => redis.hget(`{${prefix}:ec2}:bucket:RunInstances`, "fullAt")).not.toBeNull();
  lost.abort(new Error("lease lost"));
  await expect(waiting).rejects.toThrow("lease lost");
  expect(launches).toBe(1);
});

it.each([
  ["DescribeImages", "Describe"],
  ["StopInstances", "Other"],
  ["CreateTags", "CreateTags"],
])("%s waits in the lane %s", async (action, lane) => {
  const prefix = ownPrefix();
  await new Pacer({ redis, prefix, limits }).inTurn(requestOf(action), async () => {});
  expect(await redis.keys(`{${prefix}:ec2}:bucket:*`)).toEqual([`{${prefix}:ec2}:bucket:${lane}`]);
});

it("counts the instances of a call where AWS does, but none for a dry run", async () => {
  const prefix = ownPrefix();
  const pacer = new Pacer({ redis, prefix, limits });
  const resources = `{${prefix}:ec2}:bucket:TerminateInstances:resources`;
  await pacer.inTurn(requestOf("TerminateInstances", { instances: 100, dryRun: true }), async () => {});
  expect(await redis.exists(resources)).toBe(0);
  await pacer.inTurn(requestOf("TerminateInstances", { instances: 10 }), async () => {});
  const [seconds] = await redis.time();
  // Ten tokens of a bucket that refills one in a thousand seconds.
  expect(Number(await redis.hget(resources, "fullAt")) / 1_000 - Number(seconds)).toBeGreaterThan(9_000);
});

const failure = (name: string, httpStatusCode: number) =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });

/** Fails as often as there are names, then answers. */
function failing(...names: string[]): () => Promise<void> {
  return async () => {
    const name = names.shift();
    if (name !== undefined) throw failure(name, name === "RequestLimitExceeded" ? 503 : 500);
  };
}

it("slows the lane down for everybody when EC2 throttles all the same, and makes the request again", async () => {
  const throttled: string[] = [];
  const prefix = ownPrefix();
  const pacer = new Pacer({ redis, prefix, limits, onThrottled: (action) => throttled.push(action) });
  await pacer.inTurn(requestOf("CreateTags"), failing("RequestLimitExceeded"));
  expect(throttled).toEqual(["CreateTags"]);
  expect(await redis.hget(`{${prefix}:ec2}:bucket:CreateTags`, "slowUntil")).not.toBeNull();
});

it("makes a request without a clear answer again, up to twice; a launch it leaves to its caller", async () => {
  const names = ["InternalError", "Unavailable", "TimeoutError"];
  const pacer = new Pacer({ redis, prefix: ownPrefix(), limits: { ...limits, RunInstances: plenty }, repeatMs: 1 });
  const outcomeOf = (action: string, make: () => Promise<void>, dryRun = false) =>
    pacer.inTurn(requestOf(action, { dryRun }), make).catch((error: Error) => error.name);
  expect(await outcomeOf("CreateTags", failing(...names.slice(0, 2)))).toBeUndefined();
  expect(await outcomeOf("StopInstances", failing(...names))).toBe("TimeoutError");
  expect(await outcomeOf("StartInstances", failing("InsufficientInstanceCapacity"))).toBe(
    "InsufficientInstanceCapacity",
  );
  expect(await outcomeOf("RunInstances", failing("InternalError"))).toBe("InternalError");
  expect(await outcomeOf("RunInstances", failing("InternalError"), true)).toBeUndefined();
});

it("waits for Redis when that is away", async () => {
  const away = new Redis(redisUrl(), { maxRetriesPerRequest: null, enableOfflineQueue: false });
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown) => troubles.push(error);
  const pacer = new Pacer({ redis: away, prefix: ownPrefix(), limits, onTrouble });
  const looking = pacer.inTurn(requestOf("DescribeImages"), async () => "available");
  await expect.poll(() => troubles.length).toBeGreaterThan(0);
  expect(await looking).toBe("available");
  away.disconnect();
});
