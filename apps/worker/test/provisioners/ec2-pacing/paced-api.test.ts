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

const failure = (name: string, httpStatusCode: number) =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });

/** Fails as often as there are names, then answers. */
function failing(...names: string[]): () => Promise<void> {
  return async () => {
    const name = names.shift();
    if (name !== undefined) throw failure(name, name === "RequestLimitExceeded" ? 503 : 500);
  };
}

it("slows the lane down for everybody when EC2 throttles all the same, and makes the call again", async () => {
  const throttled: string[] = [];
  const api = apiThat({ createTags: failing("RequestLimitExceeded") });
  const prefix = ownPrefix();
  const paced = new PacedEc2Api(api, { redis, prefix, limits, onThrottled: (action) => throttled.push(action) });
  await paced.createTags(["i-1"], {});
  expect(throttled).toEqual(["CreateTags"]);
  expect(await redis.hget(`{${prefix}:ec2}:bucket:CreateTags`, "slowUntil")).not.toBeNull();
});

it("makes a call without a clear answer again, up to twice; a launch it leaves to its caller", async () => {
  const names = ["InternalError", "Unavailable", "TimeoutError"];
  const api = apiThat({
    createTags: failing(...names.slice(0, 2)),
    stopInstance: failing(...names),
    startInstance: failing("InsufficientInstanceCapacity"),
    runInstances: failing("InternalError") as never,
  });
  const plentyOfAll = { ...limits, RunInstances: plenty };
  const paced = new PacedEc2Api(api, { redis, prefix: ownPrefix(), limits: plentyOfAll, repeatMs: 1 });
  await paced.createTags(["i-1"], {});
  await expect(paced.stopInstance("i-1")).rejects.toThrow("TimeoutError");
  await expect(paced.startInstance("i-1")).rejects.toThrow("InsufficientInstanceCapacity");
  await expect(paced.runInstances(launch)).rejects.toThrow("InternalError");
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

it("asks once for equal dry runs of a launch, and keeps a yes for a while, a no never", async () => {
  const asked: unknown[] = [];
  let answer: Error | undefined = failure("UnauthorizedOperation", 403);
  const api = new BatchedEc2Api(
    apiThat({
      dryRun: async (call) => {
        asked.push(call.call === "RunInstances" ? call.launch.userData : call.call);
        if (answer !== undefined) throw answer;
      },
    }),
    { describeCollectMs: 1 },
  );
  const ask = (userData?: string) => api.dryRun({ call: "RunInstances", launch: { ...launch, userData } });
  const both = await Promise.allSettled([ask(), ask()]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  answer = undefined;
  await ask();
  await ask();
  expect(asked).toEqual([undefined, undefined]);
  await ask("other");
  await api.dryRun({ call: "StopInstances", instanceId: "i-1" });
  await api.dryRun({ call: "StopInstances", instanceId: "i-1" });
  expect(asked.slice(2)).toEqual(["other", "StopInstances", "StopInstances"]);

  const forgetful = new BatchedEc2Api(apiThat({ dryRun: async () => void asked.push("again") }), { launchYesMs: 0 });
  for (let i = 0; i < 2; i++) await forgetful.dryRun({ call: "RunInstances", launch });
  expect(asked.slice(5)).toEqual(["again", "again"]);
});
