import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownPrefix, redisUrl } from "../../../../../tests/setup/shared-redis.ts";
import type { Ec2Api } from "../../../src/provisioners/ec2/api.ts";
import { BatchedEc2Api, PacedEc2Api, type PaceLimits } from "../../../src/provisioners/ec2/pacing/index.ts";

let redis: Redis;
beforeAll(() => {
  redis = new Redis(redisUrl(), { maxRetriesPerRequest: null });
});
afterAll(() => redis.quit());

const plenty = { requests: { size: 1_000, perSecond: 1_000 } };
const limits: PaceLimits = {
  RunInstances: { requests: { size: 1, perSecond: 0.001 } },
  StartInstances: plenty,
  TerminateInstances: plenty,
  CreateTags: plenty,
  Describe: plenty,
  Other: plenty,
};
const launch = { request: {} as never, clientToken: "t", userData: undefined };

function apiThat(methods: Partial<Ec2Api>): Ec2Api {
  return methods as Ec2Api;
}

it("makes a launch wait for the account's bucket, tells how long, and never makes one that was aborted", async () => {
  let launches = 0;
  const waits: [string, number][] = [];
  const api = apiThat({ runInstances: async () => ({ id: `i-${++launches}` }) as never });
  const prefix = ownPrefix();
  const onWait = (action: string, ms: number) => void waits.push([action, ms]);
  const [one, other] = [1, 2].map(() => new PacedEc2Api(api, { redis, prefix, limits, onWait }));
  await one?.runInstances(launch);
  expect(waits).toEqual([["RunInstances", expect.any(Number)]]);
  const lost = new AbortController();
  const waiting = other?.runInstances(launch, { signal: lost.signal });
  await expect.poll(() => redis.hget(`{${prefix}:ec2}:bucket:RunInstances`, "fullAt")).not.toBeNull();
  lost.abort(new Error("lease lost"));
  await expect(waiting).rejects.toThrow("lease lost");
  expect(launches).toBe(1);
});

it("slows the lane down for everybody when EC2 throttles all the same", async () => {
  const throttled: string[] = [];
  const api = apiThat({
    createTags: () => Promise.reject(Object.assign(new Error("slow down"), { name: "RequestLimitExceeded" })),
  });
  const prefix = ownPrefix();
  const paced = new PacedEc2Api(api, { redis, prefix, limits, onThrottled: (action) => throttled.push(action) });
  await expect(paced.createTags(["i-1"], {})).rejects.toThrow("slow down");
  expect(throttled).toEqual(["CreateTags"]);
  const slowUntil = () => redis.hget(`{${prefix}:ec2}:bucket:CreateTags`, "slowUntil");
  await expect.poll(slowUntil).not.toBeNull();
});

it("waits for Redis when that is away", async () => {
  const away = new Redis(redisUrl(), { maxRetriesPerRequest: null, enableOfflineQueue: false });
  const troubles: unknown[] = [];
  const options = { redis: away, prefix: ownPrefix(), limits, onTrouble: (error: unknown) => troubles.push(error) };
  const paced = new PacedEc2Api(apiThat({ describeImage: async () => "available" }), options);
  const looking = paced.describeImage("ami-1");
  await expect.poll(() => troubles.length).toBeGreaterThan(0);
  expect(await looking).toBe("available");
  away.disconnect();
});

it("gives each caller its own part of a merged look, and shares equal ones", async () => {
  const calls: string[] = [];
  const api = new BatchedEc2Api(
    apiThat({
      describeInstances: async (ids) => {
        calls.push(ids.join(" "));
        return new Map(ids.filter((id) => id !== "i-unknown").map((id) => [id, { id } as never]));
      },
      describeImage: async (id) => {
        calls.push(id);
        return "available";
      },
    }),
  );
  const looks = [["i-1"], ["i-2", "i-unknown"], []].map((ids) => api.describeInstances(ids));
  const images = ["ami-1", "ami-1"].map((id) => api.describeImage(id));
  expect((await Promise.all(looks)).map((found) => [...found.keys()])).toEqual([["i-1"], ["i-2"], []]);
  expect(await Promise.all(images)).toEqual(["available", "available"]);
  expect(calls.sort()).toEqual(["ami-1", "i-1 i-2 i-unknown"]);
});
