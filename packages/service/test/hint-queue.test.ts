import { randomBytes } from "node:crypto";
import { createKeySpace } from "@restart-coordinator/debounce";
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { HINT_JOB, HINT_QUEUE, HintQueues, jobIdOf } from "../src/index.ts";

/** Queues under a prefix of the test's own, on a real Redis. */
function queuesOf({ shards = 1 } = {}) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = new Redis(inject("redisUrl"), { maxRetriesPerRequest: null });
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
  expect(job).toMatchObject({ id: jobIdOf("w1", "a"), name: HINT_JOB, data: { workspaceId: "w1" } });
  expect(job?.opts).toMatchObject({ removeOnComplete: true, removeOnFail: { count: 100 } });
});

test("a hint due later is a delayed job", async () => {
  const { queues } = queuesOf();
  await queues.enqueue({ ...hint, delayMs: 60_000 });
  expect(await queues.queues[0]?.getJobCounts("waiting", "delayed")).toEqual({ waiting: 0, delayed: 1 });
  expect((await queues.queues[0]?.getDelayed())?.[0]?.opts.delay).toBe(60_000);
});

test("however many hints are given for a workspace, one waits: the one that comes soonest", async () => {
  const { queues } = queuesOf();
  const [queue] = queues.queues;
  const delays = [60_000, 300_000, 20_000, 90_000];
  for (const [n, delayMs] of delays.entries()) await queues.enqueue({ ...hint, hintId: `later-${n}`, delayMs });
  const [delayed, ...others] = (await queue?.getDelayed()) ?? [];
  expect(others).toEqual([]);
  expect(delayed?.delay).toBe(20_000);
  const given = await Promise.all(Array.from({ length: 20 }, (_, n) => queues.enqueue({ ...hint, hintId: `${n}` })));
  await queues.enqueue({ ...hint, workspaceId: "w2" });
  expect(given.filter(Boolean)).toEqual([]);
  expect(await queue?.getJobCounts("waiting", "delayed")).toEqual({ waiting: 2, delayed: 0 });
});

test("while a worker follows a hint, one more waits: that worker's last look may be over", async () => {
  const { queues, redis } = queuesOf();
  const [queue] = queues.queues;
  await queues.enqueue(hint);
  const worker = new Worker(HINT_QUEUE, undefined, { connection: redis, prefix: queue?.opts.prefix ?? "" });
  onTestFinished(() => worker.close());
  const job = await worker.getNextJob("token");
  for (let n = 0; n < 5; n += 1) await queues.enqueue({ ...hint, hintId: `${n}` });
  expect(await queue?.getJobCounts("waiting", "active")).toEqual({ waiting: 1, active: 1 });
  await job?.moveToFailed(new Error("by hand"), "token");
  for (let n = 0; n < 5; n += 1) await queues.enqueue({ ...hint, hintId: `again-${n}` });
  expect(await queue?.getJobCounts("waiting", "active", "failed")).toEqual({ waiting: 1, active: 0, failed: 1 });
});

test("a hint whose job somebody took out of its list, and not wholly away, keeps none from coming", async () => {
  const { queues, redis } = queuesOf();
  const [queue] = queues.queues;
  for (let n = 0; n < 5; n += 1) {
    await queues.enqueue({ ...hint, hintId: `${n}` });
    expect(await queue?.getWaitingCount()).toBe(1);
    await redis.del(queue?.toKey("wait") ?? "");
  }
  await queues.enqueue(hint);
  expect((await queue?.getWaiting())?.map(({ data }) => data)).toEqual([{ workspaceId: "w1" }]);
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
