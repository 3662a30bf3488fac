import { describe, expect, test } from "vitest";
import { Cycles, POLICIES, type Policy, RestartCoordinator } from "../src/index.ts";
import { Installation } from "../src/installation/installation.ts";
import { Transitions } from "../src/transitions/transitions.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS, useWorkspaces } from "./support/workspace.ts";

const MINUTE = 60_000;
const SETTLE_MS = 2_000;
const NIGHT = [at(10 * MINUTE), at(20 * MINUTE)] as const;
const quiet = (...intervals: (readonly [number, number])[]): Policy => ({
  ...POLICIES.default,
  quietHours: { intervals, except: [] },
});

const own = useRedis();
const workspace = useWorkspaces(own, { policy: quiet(NIGHT) });
const transitions = new Transitions(own.redis, own.keys, { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS });
type Workspace = Awaited<ReturnType<typeof workspace>>;

const reschedule = (one: Workspace, policy: Policy, alternatives: { tier: string; policy: Policy }[] = []) =>
  transitions.rescheduling.reschedule({
    id: one.id,
    now: one.now,
    choice: {
      otherwise: policy,
      alternatives: alternatives.map(({ tier, policy }) => ({ name: tier, match: { tags: { tier } }, policy })),
    },
  });

describe("what is owed is scheduled by the policy that counts now", () => {
  test("sooner where quiet hours are gone or shorter, and a hint is given for that", async () => {
    const one = await workspace();
    await one.at(12 * MINUTE).trigger("file-write");
    expect(await one.wakeAt()).toBe(NIGHT[1]);
    const shorter = [NIGHT[0], at(15 * MINUTE)] as const;
    const moved = await reschedule(one.at(13 * MINUTE), quiet(shorter));
    expect(moved).toMatchObject({ dueAt: shorter[1], hintId: expect.stringMatching(/./), now: one.now });
    expect(await one.wakeAt()).toBe(shorter[1]);
    expect(await reschedule(one, quiet(shorter))).toMatchObject({ dueAt: shorter[1], hintId: undefined });
    await reschedule(one, POLICIES.default);
    expect(await one.wakeAt()).toBe(at(12 * MINUTE));
    const choice = { otherwise: POLICIES.default, alternatives: [] };
    expect(await transitions.begin({ id: one.id, owner: "w", choice, now: one.now })).toMatchObject({ how: "new" });
  });

  test("later where there are more of them, and no hint is needed: whoever looks finds it too early", async () => {
    const one = await workspace();
    await one.at(9 * MINUTE).trigger("plugin-change");
    expect(await one.wakeAt()).toBe(at(9 * MINUTE + 2_000));
    const earlier = [at(9 * MINUTE), NIGHT[1]] as const;
    expect(await reschedule(one, quiet(earlier))).toMatchObject({ dueAt: NIGHT[1], hintId: undefined });
    expect(await one.wakeAt()).toBe(NIGHT[1]);
  });

  test("by the override that the registry chooses", async () => {
    const one = await workspace();
    await one.register({ tags: JSON.stringify({ tier: "day" }) });
    await one.at(12 * MINUTE).trigger("file-write");
    await reschedule(one, quiet(NIGHT), [{ tier: "day", policy: POLICIES.default }]);
    expect(await one.wakeAt()).toBe(at(12 * MINUTE));
  });

  test("where a budget is gone, too", async () => {
    const spare = { ...POLICIES.default, cooldownMs: 0, budget: { cycles: 1, downtimeMs: 0 } };
    const one = await workspace(undefined, spare);
    await one.at(0).trigger("manual");
    await one.cycle();
    await one.at(MINUTE).trigger("plugin-change");
    expect((await one.state()).restart).toMatchObject({ phase: "held" });
    await reschedule(one, { ...spare, budget: { cycles: 0, downtimeMs: 0 } });
    expect(await one.wakeAt()).toBe(at(MINUTE + 2_000));
    expect((await one.state()).restart).toMatchObject({ phase: "scheduled", budgetUntil: undefined });
  });

  test("and nothing else changes: a running cycle, a hold, what a person asked for", async () => {
    const running = await workspace();
    await running.at(0).trigger("manual");
    await running.begun();
    const [held, gone] = [await workspace(), await workspace()];
    await held.at(12 * MINUTE).trigger("file-write");
    await held.hold(60 * MINUTE);
    await gone.at(12 * MINUTE).trigger("file-write");
    await gone.cancel();
    for (const one of [running, held, gone]) {
      const before = [await one.view(), await one.wakeAt()];
      await reschedule(one, POLICIES.default);
      expect([await one.view(), await one.wakeAt()]).toEqual(before);
    }
  });
});

describe("one worker does it, once nobody asks any more", () => {
  const take = (owner: string, ms: number) =>
    transitions.rescheduling.take({ shard: 0, owner, settleMs: SETTLE_MS, now: at(ms) });
  const ask = (ms: number) => transitions.rescheduling.ask({ shard: 0, now: at(ms) });
  const end = (owner: string, askedAt: number) => transitions.rescheduling.end({ shard: 0, owner, askedAt });

  test("not before it was asked for, nor while others still exchange their policies", async () => {
    expect(await take("a", 0)).toEqual({ kind: "nothing" });
    await ask(1_000);
    expect(await take("a", 2_999)).toEqual({ kind: "later" });
    await ask(2_500);
    expect(await take("a", 3_000)).toEqual({ kind: "later" });
    expect(await take("a", 4_500)).toEqual({ kind: "yours", askedAt: at(2_500) });
    expect(await take("b", 4_501)).toEqual({ kind: "busy" });
    await end("a", at(2_500));
    expect(await take("b", 4_601)).toEqual({ kind: "nothing" });
    expect(await own.redis.exists(own.keys.forShard("rescheduling", 0))).toBe(0);
  });

  test("another takes it over when that one is lost, and asking meanwhile has it done again", async () => {
    await ask(0);
    const taken = { kind: "yours", askedAt: at(0) };
    expect(await take("a", 2_000)).toEqual(taken);
    expect(await take("a", 10_000)).toEqual(taken);
    expect(await take("b", 10_000 + LEASE_MS - 1)).toEqual({ kind: "busy" });
    expect(await take("b", 10_000 + LEASE_MS)).toEqual(taken);
    await ask(30_000);
    await end("a", at(0));
    expect(await take("c", 30_002)).toEqual({ kind: "busy" });
    await end("b", at(0));
    expect(await take("c", 32_000)).toEqual({ kind: "yours", askedAt: at(30_000) });
    await end("c", at(30_000));
  });

  test("a clock that was set back keeps nobody waiting", async () => {
    await ask(3_600_000);
    expect(await take("a", 0)).toMatchObject({ kind: "yours" });
    await ask(3_600_000);
    await end("a", at(3_600_000));
  });
});

test("all that is owed on a shard moves, in bounded steps, however many are due at the same time", async () => {
  const [seconds] = await own.redis.time();
  const now = Number(seconds) * 1_000;
  const prefix = `${own.prefix}-many`;
  const intervals = [[now - MINUTE, now + 60 * MINUTE]] as const;
  const provider = { policies: { common: quiet(...intervals), overrides: [] } };
  const options = { redis: own.redis, prefix, policy: provider };
  const coordinator = new RestartCoordinator(new Installation(options));
  const cycles = new Cycles(new Installation({ ...options }), { worker: "test" });
  const due = coordinator.installation.keys.forShard("due", 0);
  const ids = Array.from({ length: 350 }, (_, i) => `w${i}`);
  await Promise.all(ids.map((id) => coordinator.registry.register(id, {})));
  await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "file-write" })));
  expect(await own.redis.zcount(due, now + 60 * MINUTE, now + 60 * MINUTE)).toBe(ids.length);

  const moved = async () => {
    const found: string[] = [];
    for await (const { workspaceId, delayMs } of cycles.reschedule(0, 0)) if (delayMs === 0) found.push(workspaceId);
    return found.sort();
  };
  expect(await moved()).toEqual([]);
  provider.policies = { common: POLICIES.default, overrides: [] };
  await cycles.policiesChanged();
  expect(await moved()).toEqual([...ids].sort());
  expect(await moved()).toEqual([]);
  expect(await own.redis.zcount(due, 0, now + 5 * MINUTE)).toBe(ids.length);

  for await (const keys of own.redis.scanStream({ match: `{${prefix}:*` })) {
    if (keys.length > 0) await own.redis.del(...(keys as string[]));
  }
});
