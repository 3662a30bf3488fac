import { randomBytes } from "node:crypto";
import { createKeySpace } from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { HINT_JOB, HintQueues, jobIdOf } from "../src/index.ts";

/** Queues under a prefix of the test's own, on a real Redis. */
function queuesOf({ shards = 1 } = {}) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = new Redis(inject("redisUrl"));
  const queues = new HintQueues(redis, createKeySpace(prefix, shards));
  onTestFinished(async () => {
    await queues.stop();
    for await (const keys of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.del(...(keys as string[]));
    }
    redis.disconnect();
  });
  return { queues, redis, prefix };
}

const hint = { workspaceId: "w1", dueAt: 0, delayMs: 0, hintId: "1" };

test("a hint due now is a waiting job that says which workspace to look at", async () => {
  const { queues } = queuesOf();
  await queues.enqueue(hint);
  const [job, ...others] = (await queues.queues[0]?.getWaiting()) ?? [];
  expect(others).toEqual([]);
  expect(job).toMatchObject({ id: jobIdOf("w1", "1"), name: HINT_JOB, data: { workspaceId: "w1" } });
  expect(job?.opts).toMatchObject({ removeOnComplete: true, removeOnFail: { count: 100 } });
});

test("a hint due later is a delayed job", async () => {
  const { queues } = queuesOf();
  await queues.enqueue({ ...hint, delayMs: 60_000 });
  expect(await queues.queues[0]?.getJobCounts("waiting", "delayed")).toEqual({ waiting: 0, delayed: 1 });
  expect((await queues.queues[0]?.getDelayed())?.[0]?.opts.delay).toBe(60_000);
});

test("two hints with one id are the same hint, with another id or workspace they are two", async () => {
  const { queues } = queuesOf();
  const more = [hint, { ...hint, hintId: "2" }, { ...hint, workspaceId: "w2" }];
  await Promise.all([hint, ...more].map((each) => queues.enqueue(each)));
  expect(await queues.queues[0]?.getJobCounts("waiting")).toEqual({ waiting: 3 });
});

test("each shard has a queue called restarts in its own slot, and a hint goes to its workspace's", async () => {
  const { queues, prefix } = queuesOf({ shards: 3 });
  const keys = createKeySpace(prefix, 3);
  expect(queues.queues.map(({ name, opts }) => `${opts.prefix}:${name}`)).toEqual(
    [0, 1, 2].map((n) => `{${prefix}:${n}}:restarts`),
  );
  const ids = Array.from({ length: 12 }, (_, n) => `w${n}`);
  await Promise.all(ids.map((workspaceId) => queues.enqueue({ ...hint, workspaceId })));
  for (const [shard, queue] of queues.queues.entries()) {
    const found = (await queue.getWaiting()).map(({ data }) => data.workspaceId).sort();
    expect(found).toEqual(ids.filter((id) => keys.shardOf(id) === shard).sort());
    expect(found.length).toBeGreaterThan(0);
  }
});

test("stopping the queues leaves the connection to its owner", async () => {
  const { queues, redis } = queuesOf();
  await queues.enqueue(hint);
  await queues.stop();
  expect(await redis.ping()).toBe("PONG");
});
