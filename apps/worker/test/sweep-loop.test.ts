/** The sweep beside the queue of hints: a backlog that nobody takes, and a queue that was closed from outside. */
import { randomBytes } from "node:crypto";
import { Cycles, Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { HINT_QUEUE, HintQueues } from "@restart-coordinator/service";
import { type Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { pino } from "pino";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { sweepLoop } from "../src/sweep-loop.ts";

function situation() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = new Redis(inject("redisUrl"), { maxRetriesPerRequest: null });
  const installation = new Installation({ redis, prefix });
  const hints = new HintQueues(redis, installation.keys);
  const lines: { level: number; msg: string }[] = [];
  const passes = { count: 0, hinted: 0, closed: 0 };
  const sweep = sweepLoop({
    cycles: new Cycles(installation, { worker: "test" }),
    shards: [0],
    intervalMs: 5,
    wake: (hint) => hints.enqueue(hint),
    moved: (hint) => hints.enqueue(hint),
    openQueue: (shard) => hints.open(shard),
    onClosed: () => {
      passes.closed += 1;
    },
    onPass: () => {
      passes.count += 1;
    },
    onHinted: () => {
      passes.hinted += 1;
    },
    logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
  });
  onTestFinished(async () => {
    await sweep.stop();
    await hints.stop();
    for await (const keys of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.del(...(keys as string[]));
    }
    redis.disconnect();
  });
  const queue = hints.queues[0] as Queue;
  return { redis, installation, coordinator: new RestartCoordinator(installation), hints, queue, sweep, passes, lines };
}

const LIMIT = { timeout: 20_000, interval: 10 };

test("workspaces that stay due for long have one hint each, however often they are swept", async () => {
  const { coordinator, queue, sweep, passes } = situation();
  const ids = Array.from({ length: 20 }, (_, n) => `w${n}`);
  for (const id of ids) await coordinator.registry.register(id, {});
  await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "manual" })));
  await sweep.start();
  // Many times as long as until a hint is given again.
  await vi.waitUntil(() => passes.count >= 60, LIMIT);
  expect((await queue.getWaiting()).map(({ data }) => data.workspaceId).sort()).toEqual(ids.sort());
  expect(passes.hinted).toBe(ids.length);
});

test("a wipe that was refused, for a job was active, leaves a pause behind: it is taken away, counted and logged", async () => {
  const { redis, hints, queue, sweep, passes, lines } = situation();
  await hints.enqueue({ workspaceId: "w", hintId: "1", dueAt: 0, delayMs: 0 });
  const worker = new Worker(HINT_QUEUE, undefined, { connection: redis, prefix: queue.opts.prefix ?? "" });
  onTestFinished(() => worker.close());
  await worker.getNextJob("token");
  await expect(queue.obliterate()).rejects.toThrow(/active/);
  expect(await queue.isPaused()).toBe(true);

  await sweep.start();
  await vi.waitUntil(async () => !(await queue.isPaused()), LIMIT);
  await vi.waitUntil(() => passes.closed === 1, LIMIT);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 40, msg: expect.stringContaining("closed by a pause") }),
  );
});

test.each([
  ["a global concurrency", (queue: Queue) => queue.setGlobalConcurrency(0)],
  ["a rate limit", (queue: Queue) => queue.setGlobalRateLimit(1, 3_600_000)],
  ["a rate limit", (queue: Queue) => queue.rateLimit(3_600_000)],
])("what else closes a queue is taken away, too: %s", async (what, close) => {
  const { hints, queue } = situation();
  await close(queue);
  expect(await hints.open(0)).toEqual([what]);
  expect(await hints.open(0)).toEqual([]);
});
