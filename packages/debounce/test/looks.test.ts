/** Whose turn it is to be looked at: round a shard's workspaces once in an interval, evenly, whichever workers ask. */
import { expect, test } from "vitest";
import { Transitions } from "../src/transitions/transitions.ts";
import { describeWorkspace } from "../src/workspace/workspace-state.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS } from "./support/workspace.ts";

const INTERVAL_MS = 10_000;
const own = useRedis({ shards: 8 });
const settings = { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS };
const workers = [own.redis, own.connect(), own.connect()].map((redis) => new Transitions(redis, own.keys, settings));
let calls = 0;
const worker = (): Transitions => workers[calls++ % workers.length] as Transitions;

let shards = 0;
/** A shard of its own with as many workspaces. */
async function shardOf(count: number) {
  const shard = shards++;
  const ids: string[] = [];
  for (let n = 0; ids.length < count; n += 1) {
    const id = `ws-${n}`;
    if (own.keys.shardOf(id) !== shard) continue;
    await worker().register({ id, fields: {}, now: at(0) });
    ids.push(id);
  }
  const turn = async (ms: number, { intervalMs = INTERVAL_MS, most = 1_000 } = {}) =>
    (await worker().observing.turn({ shard, intervalMs, most, now: at(ms) })).ids;
  return { shard, ids: ids.sort(), turn };
}

test("each has one turn in an interval, evenly, however many workers ask and how often", async () => {
  const { ids, turn } = await shardOf(100);
  await turn(0);
  const seen: string[] = [];
  for (let ms = 250; ms <= INTERVAL_MS; ms += 250) {
    const now = await turn(ms);
    expect(now.length).toBeGreaterThanOrEqual(2);
    expect(now.length).toBeLessThanOrEqual(3);
    seen.push(...now);
  }
  expect(seen.sort()).toEqual(ids);
});

test("one alone has its turn once in an interval, too", async () => {
  const { ids, turn } = await shardOf(1);
  const seen: number[] = [];
  for (let ms = 0; ms <= 4 * INTERVAL_MS; ms += 1_000) if ((await turn(ms)).length > 0) seen.push(ms);
  expect(seen).toEqual([1, 2, 3, 4].map((round) => round * INTERVAL_MS));
  expect(await turn(5 * INTERVAL_MS)).toEqual(ids);
});

test("what nobody looked at for long comes in no burst", async () => {
  const { turn } = await shardOf(100);
  await turn(0);
  expect(await turn(3_600_000)).toHaveLength(25);
  expect(await turn(3_600_000)).toEqual([]);
});

test("a turn is no longer than was asked for, and the rest comes with the next", async () => {
  const { turn } = await shardOf(40);
  await turn(0);
  expect(await turn(2_500, { most: 6 })).toHaveLength(6);
  expect(await turn(2_500, { most: 6 })).toHaveLength(4);
});

test("one that is registered behind the place where the round is has its turn in the next", async () => {
  const { turn, shard } = await shardOf(10);
  await turn(0);
  await turn(2_500);
  const id = Array.from({ length: 100 }, (_, n) => `a-${n}`).find((each) => own.keys.shardOf(each) === shard) as string;
  await worker().register({ id, fields: {}, now: at(2_500) });
  const seen = [];
  for (let ms = 3_000; ms <= 2_500 + INTERVAL_MS; ms += 500) seen.push(...(await turn(ms)));
  expect(seen).toContain(id);
});

test("how old the oldest look may be is told, and grows when nobody looks", async () => {
  const { turn, shard } = await shardOf(4);
  const age = async (ms: number) => (await worker().census({ shard, now: at(ms) })).observationAgeMs;
  expect(await age(0)).toBeUndefined();
  for (let ms = 0; ms <= 2 * INTERVAL_MS; ms += 500) await turn(ms);
  expect(await age(2 * INTERVAL_MS)).toBeLessThanOrEqual(INTERVAL_MS + 2_500);
  expect(await age(10 * INTERVAL_MS)).toBeGreaterThan(7 * INTERVAL_MS);
});

test("online means seen within the interval; who was not seen for longer is unknown, until nobody is to look", async () => {
  const { ids, turn } = await shardOf(1);
  const id = ids[0] as string;
  const one = worker();
  await one.desire({ id, desired: "paused", actor: "ann", now: at(0) });
  await one.desire({ id, desired: "running", actor: "ann", now: at(0) });
  const choice = { otherwise: (await import("../src/policy/policy.ts")).POLICIES.default, alternatives: [] };
  const begun = await one.begin({ id, owner: "w", choice, now: at(0) });
  if (begun.kind !== "begun") throw new Error(`expected it to begin, got ${begun.kind}`);
  const { fencingToken } = begun;
  await one.end({ id, fencingToken, outcome: "ok", retry: choice.otherwise.retry, jitter: 0, now: at(0) });
  const state = async (ms: number) => describeWorkspace(id, await worker().view(id, at(ms)));
  expect((await state(3_600_000)).status).toBe("online");
  await turn(0);
  expect(await state(2 * INTERVAL_MS + 5_000)).toMatchObject({ status: "online", seenAt: at(0) });
  expect(await state(2 * INTERVAL_MS + 5_001)).toMatchObject({ status: "unknown", seenAt: at(0) });
  await turn(3_600_000, { intervalMs: 0 });
  expect((await state(3_600_000)).status).toBe("online");
});
