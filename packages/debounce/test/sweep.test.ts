import { beforeEach, describe, expect, test } from "vitest";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { Transitions } from "../src/transitions/transitions.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);
const settings = { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS };
const sweepers = [
  new Transitions(own.connect(), own.keys, settings),
  new Transitions(own.connect(), own.keys, settings),
];
const [due, hinted] = [own.keys.forShard("due", 0), own.keys.forShard("hinted", 0)];
const REHINT_MS = 5_000;

beforeEach(() => own.redis.del(due, hinted));

/** One pass in virtual time, in one batch. */
async function sweep(ms: number, by = 0) {
  const call = { shard: 0, offset: 0, count: 1_000, rehintMs: REHINT_MS, now: at(ms) };
  return ((await sweepers[by]?.sweep(call))?.due ?? []).map(({ id, dueAt }) => ({ id, dueAt: dueAt - at(0) }));
}

async function owed(ms = 0): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(ms).trigger("manual");
  return one;
}

describe("a sweep finds", () => {
  test("what is due and was never hinted, and nothing before it is due", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    expect(await sweep(1_999)).toEqual([]);
    expect(await sweep(2_000)).toEqual([{ id: one.id, dueAt: 2_000 }]);
  });

  test("what was hinted and not begun, again, but not before the hint had its time", async () => {
    const one = await owed();
    const found = [{ id: one.id, dueAt: 0 }];
    expect(await sweep(0)).toEqual(found);
    expect(await sweep(1)).toEqual([]);
    expect(await sweep(REHINT_MS - 1)).toEqual([]);
    expect(await sweep(REHINT_MS)).toEqual(found);
    expect(await sweep(REHINT_MS + 1)).toEqual([]);
    expect(await sweep(10 * REHINT_MS)).toEqual(found);
  });

  test("what became due after its last hint, at once", async () => {
    const one = await owed();
    await sweep(0);
    await one.at(1_000).hold(1_000);
    expect(await sweep(1_500)).toEqual([]);
    expect(await sweep(2_000)).toEqual([{ id: one.id, dueAt: 2_000 }]);
  });

  test("a cycle whose worker died, when its lease ends, and not one that is renewed", async () => {
    const [dead, alive] = [await owed(), await owed()];
    await sweep(0);
    for (const one of [dead, alive]) await one.begun();
    await alive.at(10_000).renew();
    expect(await sweep(LEASE_MS - 1)).toEqual([]);
    expect(await sweep(LEASE_MS)).toEqual([{ id: dead.id, dueAt: LEASE_MS }]);
    expect(await sweep(25_000)).toEqual([
      { id: dead.id, dueAt: LEASE_MS },
      { id: alive.id, dueAt: 25_000 },
    ]);
  });

  test("a cycle that was handed over, at once", async () => {
    const one = await owed();
    await sweep(0);
    await one.begun();
    await one.at(1_000).end("handover");
    expect(await sweep(1_000)).toEqual([{ id: one.id, dueAt: 1_000 }]);
  });

  test("a follow-up, once the cycle before it and the cooldown are over", async () => {
    const one = await owed();
    await one.begun();
    await one.at(1_000).trigger("file-write");
    await one.at(2_000).end();
    expect(await sweep(59_999)).toEqual([]);
    expect(await sweep(60_000)).toEqual([{ id: one.id, dueAt: 60_000 }]);
  });

  test("a retry at the end of its backoff, and a change of the desired state", async () => {
    const [retry, pause] = [await owed(), await owed()];
    await retry.begun();
    await retry.end("failed");
    await pause.desire("paused");
    expect(await sweep(0)).toEqual([{ id: pause.id, dueAt: 0 }]);
    expect(await sweep(5_000)).toContainEqual({ id: retry.id, dueAt: 5_000 });
  });

  test.each(["paused", "held, with more owed", "the breaker is open", "idle", "cooling"])(
    "nothing that nobody can start: %s",
    async (situation) => {
      const one = await workspace();
      await SITUATIONS[situation]?.(one);
      if (situation === "paused") await one.trigger("manual");
      expect(await sweep(3_599_999)).toEqual([]);
    },
  );

  test("nothing that was removed, and keeps nothing of it", async () => {
    const one = await owed();
    await sweep(0);
    await one.forget();
    expect(await sweep(100_000)).toEqual([]);
    expect(await own.redis.exists(due, hinted)).toBe(0);
  });

  test("something that only looks due, which the first look then takes out", async () => {
    const one = await workspace();
    await own.redis.zadd(due, at(0), one.id);
    expect(await sweep(0)).toEqual([{ id: one.id, dueAt: 0 }]);
    expect(await one.begin()).toEqual({ kind: "idle" });
    expect(await own.redis.exists(due, hinted)).toBe(0);
  });
});

test("what was hinted and then canceled is not remembered for ever", async () => {
  const one = await owed();
  await sweep(0);
  await one.cancel();
  await sweep(REHINT_MS);
  expect(await own.redis.exists(hinted)).toBe(0);
});

test("two sweeps at once hint everything once", async () => {
  const ids = await Promise.all(Array.from({ length: 50 }, async () => (await owed()).id));
  for (let round = 1; round <= 5; round += 1) {
    const passes = await Promise.all([0, 1, 0, 1].map((by) => sweep(round * REHINT_MS, by)));
    const found = passes.flat().map(({ id }) => id);
    expect(found.sort()).toEqual([...ids].sort());
  }
});

describe("a sweep is bounded", () => {
  async function manyDue(count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, (_, i) => `many-${String(i).padStart(3, "0")}`);
    await own.redis.zadd(due, ...ids.flatMap((id, i) => [at(i), id]));
    return ids;
  }

  test("it looks at so many at a time, the longest due first, and says how many those were", async () => {
    const ids = await manyDue(250);
    const call = { shard: 0, count: 100, rehintMs: REHINT_MS, now: at(1_000) };
    const batches = [];
    for (const offset of [0, 100, 200]) batches.push(await sweepers[0]?.sweep({ ...call, offset }));
    expect(batches.map((batch) => batch?.looked)).toEqual([100, 100, 50]);
    expect(batches.flatMap((batch) => batch?.due ?? []).map(({ id }) => id)).toEqual(ids);
  });

  test("it goes on where many were hinted already, so that none waits behind them for ever", async () => {
    const ids = await manyDue(250);
    const cycles = new Cycles(new Installation({ redis: own.redis, prefix: own.prefix }), { worker: "sweeper" });
    const pass = async () => {
      const found: string[] = [];
      for await (const { id } of cycles.sweep(0, 60_000)) found.push(id);
      return found;
    };
    expect(await pass()).toEqual(ids);
    expect(await pass()).toEqual([]);
    await own.redis.zadd(due, at(500), "the newest");
    expect(await pass()).toEqual(["the newest"]);
  });

  test("what is begun meanwhile makes it miss others for one pass at most", async () => {
    const ids = await manyDue(250);
    const cycles = new Cycles(new Installation({ redis: own.redis, prefix: own.prefix }), { worker: "sweeper" });
    const found: string[] = [];
    for (let pass = 0; pass < 3; pass += 1) {
      for await (const { id } of cycles.sweep(0, 60_000)) {
        found.push(id);
        await own.redis.zrem(due, id);
      }
    }
    expect(found.sort()).toEqual(ids);
  });
});
