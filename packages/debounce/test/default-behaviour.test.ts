/** Where the list that the fix this began with pins has another answer under the profile `default`: nothing is lost. */
import { expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { Fleet } from "./support/fleet.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const policy = POLICIES.default;
const workspace = useWorkspaces(own, { policy, replicas: 3 });
const fleet = new Fleet(own, policy, { replicas: 3, workers: 2 });

/** Lets time pass until nobody need look any more; cycles take 10 s. How many triggers each cycle covered. */
async function untilQuiet(one: TestWorkspace): Promise<number[]> {
  const covered: number[] = [];
  for (let wakeAt = await one.wakeAt(); wakeAt !== undefined; wakeAt = await one.wakeAt()) {
    one.now = Math.max(one.now, wakeAt);
    const { covers } = await one.begun();
    covered.push(covers.reduce((sum, { count }) => sum + count, 0));
    one.now += 10_000;
    await one.end();
  }
  await expectSound(one);
  return covered;
}

test("second within 15 s does not fire, is covered 15 s after it, and the window is not extended by it", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.cycle();
  expect(await one.at(10_000).trigger("file-write")).toMatchObject({ decision: "coalesced", dueAt: at(60_000) });
  const window = await own.redis.get(own.keys.window("file-write", one.id));
  expect(Number(window)).toBe(at(15_000));
  expect(await untilQuiet(one)).toEqual([1]);
});

test("a 10-write burst: 1 fire, 9 coalesced, at most 2 cycles, and all of them are covered", async () => {
  const one = await workspace();
  const decisions: string[] = [];
  for (let i = 0; i < 10; i += 1) {
    decisions.push((await one.at(i * 1_000).trigger("file-write")).decision);
    if (i === 0) await one.begun();
  }
  await one.at(12_000).end();
  expect(decisions).toEqual(["fired", ...Array(9).fill("coalesced")]);
  expect(await untilQuiet(one)).toEqual([9]);
});

test("a write after the window and inside the cooldown is not lost: it is due at the cooldown's end", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.cycle();
  expect(await one.at(15_000).trigger("file-write")).toMatchObject({ rule: "cooldown", dueAt: at(60_000) });
  expect(await untilQuiet(one)).toEqual([1]);
  expect(await one.at(200_000).trigger("file-write")).toMatchObject({ decision: "fired" });
});

test("a herd of 50 concurrent calls: exactly one fires, and the other 49 are covered by it or one more", async () => {
  await fleet.register("herd");
  const receipts = await Promise.all(Array.from({ length: 50 }, () => fleet.trigger("herd", "file-write")));
  const decisions = receipts.map(({ decision }) => decision).sort();
  expect(decisions).toEqual([...Array(49).fill("coalesced"), "fired"]);
  const cycle = await fleet.next();
  const covered = cycle.lease.cycle.covers[0]?.count ?? 0;
  const owed = (await fleet.coordinator.workspace("herd"))?.restart.why[0]?.count ?? 0;
  expect(covered + owed).toBe(50);
  cycle.finish();
  await fleet.drained();
});

test("N secrets during a slow cycle: exactly 2 cycles, inside the cooldown, too", async () => {
  const one = await workspace();
  await one.at(0).trigger("secret-change");
  await one.at(2_000).begun();
  for (let i = 0; i < 10; i += 1) {
    expect(await one.at(3_000 + i).trigger("secret-change")).toMatchObject({ decision: "coalesced", rule: "running" });
  }
  await one.at(10_000).end();
  expect(await one.wakeAt()).toBe(at(62_000));
  expect(await untilQuiet(one)).toEqual([10]);
});

test("secrets in a batch: one cycle, 2 s after the last of them, 15 s after the first at the latest", async () => {
  const one = await workspace();
  for (let ms = 0; ms <= 3_000; ms += 1_000) {
    expect(await one.at(ms).trigger("secret-change")).toMatchObject({ decision: "coalesced", dueAt: at(ms + 2_000) });
  }
  expect(await untilQuiet(one)).toEqual([4]);

  const steady = await workspace();
  for (let ms = 0; ms < 15_000; ms += 1_000) await steady.at(ms).trigger("secret-change");
  expect(await steady.wakeAt()).toBe(at(15_000));
  expect(await untilQuiet(steady)).toEqual([15]);
});

test("sequential writes run a cooldown apart, and none is lost", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  const first = await one.cycle();
  await one.at(20_000).trigger("file-write");
  const second = await one.at(60_000).cycle();
  expect(second.startedAt - first.startedAt).toBe(policy.cooldownMs);
  expect(second.covers).toMatchObject([{ count: 1 }]);
});

test("one secret write with four probes during the cycle: one cycle, four drops, once it has begun", async () => {
  const one = await workspace();
  await one.at(0).trigger("secret-change");
  await one.at(2_000).begun();
  for (const source of ["a2a-preflight", "liveness-offline", "a2a-preflight", "liveness-offline"]) {
    expect(await one.at(3_000).trigger(source)).toMatchObject({ decision: "dropped", rule: "running" });
  }
  await one.at(12_000).end();
  expect(await untilQuiet(one)).toEqual([]);
});

test("a cycle that throws is tried again by itself: nobody has to save again", async () => {
  await fleet.register("throws");
  await fleet.trigger("throws", "file-write");
  const cycle = await fleet.next();
  cycle.finish({ outcome: "failed", error: "it threw", retryable: true });
  await fleet.drained();
  const restart = (await fleet.coordinator.workspace("throws"))?.restart;
  expect(restart).toMatchObject({ phase: "backoff", failures: 1, cycle: { id: cycle.lease.cycle.cycleId } });
  expect(restart?.dueAt).toBeGreaterThan(cycle.lease.cycle.startedAt);
});
