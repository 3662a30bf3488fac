/** What the restarts of a day may cost. */
import { describe, expect, test } from "vitest";
import { type BudgetPolicy, POLICIES } from "../src/policy/policy.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 2 });
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function withBudget(budget: Partial<BudgetPolicy>): Promise<TestWorkspace> {
  return workspace(undefined, { ...POLICIES.default, budget: { cycles: 0, downtimeMs: 0, ...budget } });
}

/** A restart at that time, which takes so long. */
async function restarted(one: TestWorkspace, ms: number, source = "file-write", downtimeMs = 0): Promise<void> {
  expect(await one.at(ms).trigger(source), `at ${ms}`).toMatchObject({ decision: "fired" });
  await one.begun();
  await one.at(ms + downtimeMs).end();
}

describe("beyond so many restarts in 24 hours", () => {
  test("an automatic one is held, visibly, until the day lets it through, and an event says so once", async () => {
    const one = await withBudget({ cycles: 3 });
    for (const hour of [0, 5, 6]) await restarted(one, hour * HOUR);
    expect(await one.at(7 * HOUR).trigger("file-write")).toMatchObject({
      decision: "coalesced",
      rule: "budget",
      dueAt: at(DAY),
    });
    expect(await one.at(8 * HOUR).trigger("startup")).toMatchObject({ rule: "budget", dueAt: at(DAY) });
    const { restart } = await one.state();
    expect(restart).toMatchObject({ phase: "held", dueAt: at(DAY), budgetUntil: at(DAY), heldUntil: undefined });
    expect(restart.why).toHaveLength(2);
    await expectSound(one);
    const told = await one.events("WORKSPACE_RESTART_BUDGET_SPENT");
    expect(told.map(({ payload }) => payload)).toMatchObject([{ rule: "budget", untilAt: at(DAY), cycles: 3 }]);
    expect(await one.at(DAY - 1).begin()).toMatchObject({ kind: "not-due", dueAt: at(DAY) });
    await one.at(DAY).begun();
    const [, , , fired] = await one.events("WORKSPACE_AUTO_RESTART_FIRED");
    expect(fired?.payload).toMatchObject({ because: "budget", auto: true });
    await one.end();
    await expectSound(one);
    expect(await one.at(DAY + HOUR).trigger("file-write"), "the next place is free at 5 h").toMatchObject({
      rule: "budget",
      dueAt: at(DAY + 5 * HOUR),
    });
    expect(await one.events("WORKSPACE_RESTART_BUDGET_SPENT")).toHaveLength(2);
  });

  test("what came while the last one ran is held, too, and told when it ends at the latest", async () => {
    const one = await withBudget({ cycles: 1 });
    await one.at(0).trigger("file-write");
    await one.begun();
    expect(await one.at(1_000).trigger("file-write")).toMatchObject({ rule: "running", dueAt: at(DAY) });
    expect(await one.at(2_000).end()).toMatchObject({ what: "ok", dueAt: at(DAY) });
    expect(await one.events("WORKSPACE_RESTART_BUDGET_SPENT")).toHaveLength(1);
    expect((await one.state()).restart).toMatchObject({ phase: "held", dueAt: at(DAY) });
  });

  test("a person's restart and a flush go through, and count", async () => {
    const one = await withBudget({ cycles: 1 });
    await restarted(one, 0);
    await restarted(one, HOUR, "manual");
    expect(await one.at(2 * HOUR).trigger("file-write")).toMatchObject({ rule: "budget", dueAt: at(DAY + HOUR) });
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: at(2 * HOUR) });
    await one.cycle();
    await expectSound(one);
    expect(await one.at(3 * HOUR).trigger("file-write")).toMatchObject({ dueAt: at(DAY + 2 * HOUR) });
    expect(await one.trigger("manual"), "it takes along what is held").toMatchObject({ decision: "fired" });
    expect((await one.begun()).covers).toHaveLength(2);
  });

  test("a pause and a resume go through", async () => {
    const one = await withBudget({ cycles: 1 });
    await restarted(one, 0);
    await one.at(HOUR).trigger("file-write");
    await one.desire("paused");
    expect(await one.cycle()).toMatchObject({ action: "stop" });
    await one.desire("running");
    expect(await one.cycle()).toMatchObject({ action: "restart", covers: [{ source: "file-write" }] });
    expect(await one.begin()).toEqual({ kind: "idle" });
  });

  test("a retry is no further restart, and a declined one is none", async () => {
    const one = await withBudget({ cycles: 2 });
    await one.at(0).trigger("file-write");
    await one.cycle("failed");
    await one.at(5_000).cycle("failed");
    await one.at(100_000).cycle("ok");
    await one.at(HOUR).trigger("file-write");
    await one.cycle("declined");
    expect(await one.at(2 * HOUR).begun()).toMatchObject({ how: "new" });
    await one.end("ok");
    expect(await one.at(3 * HOUR).trigger("file-write")).toMatchObject({ rule: "budget", dueAt: at(DAY) });
  });
});

describe("beyond so much downtime in 24 hours", () => {
  test("an automatic restart waits until enough of it is a day ago", async () => {
    const one = await withBudget({ downtimeMs: 300_000 });
    await restarted(one, 0, "file-write", 50_000);
    await restarted(one, HOUR, "file-write", 200_000);
    await restarted(one, 2 * HOUR, "file-write", 200_000);
    expect(await one.at(3 * HOUR).trigger("file-write")).toMatchObject({ rule: "budget", dueAt: at(DAY + HOUR) });
    const [told] = await one.events("WORKSPACE_RESTART_BUDGET_SPENT");
    expect(told?.payload).toMatchObject({ downtimeMs: 450_000, cycles: 3 });
    await expectSound(one);
  });

  test("a cycle that fails again and again is down from its first begin to its end", async () => {
    const one = await withBudget({ downtimeMs: 60_000 });
    await one.at(0).trigger("file-write");
    await one.cycle("failed");
    await one.at(60_000).cycle("ok");
    expect(await one.at(HOUR).trigger("file-write")).toMatchObject({ rule: "budget", dueAt: at(DAY) });
  });
});

test("without a budget nothing is counted", async () => {
  const one = await workspace();
  await restarted(one, 0);
  expect(await own.redis.exists(own.keys.forWorkspace("spent", one.id))).toBe(0);
});

test("a budget that is raised or taken away lets what it held through at the next look", async () => {
  const one = await withBudget({ cycles: 1 });
  await restarted(one, 0);
  await one.at(HOUR).trigger("file-write");
  const choice = { otherwise: POLICIES.default, alternatives: [] };
  const call = { id: one.id, owner: "w", choice, now: at(2 * HOUR) };
  expect(await one.transitions.begin(call)).toMatchObject({ kind: "begun", how: "new" });
});

test("what is remembered is bounded, goes after a day, and never counts less", async () => {
  const one = await withBudget({ cycles: 250 });
  for (let i = 0; i < 250; i += 1) {
    await one.at(i * 60_000).trigger("manual");
    await one.cycle();
  }
  const spent = own.keys.forWorkspace("spent", one.id);
  expect(await own.redis.hlen(spent)).toBeLessThanOrEqual(201);
  expect(await own.redis.pttl(spent)).toBeGreaterThan(DAY - HOUR);
  expect(await own.redis.pttl(spent)).toBeLessThanOrEqual(DAY);
  const told = await one.at(251 * 60_000).trigger("file-write");
  expect(told).toMatchObject({ rule: "budget" });
  expect(told.dueAt, "those that are counted together count as the latest of them").toBeGreaterThanOrEqual(at(DAY));
  await one.forget();
  expect(await own.redis.exists(spent)).toBe(0);
});

test("workspaces in it are counted as held", async () => {
  const one = await withBudget({ cycles: 1 });
  await restarted(one, 0);
  await one.at(HOUR).trigger("file-write");
  for (const [now, phase] of [
    [at(HOUR), "held"],
    [at(DAY), "scheduled"],
  ] as const) {
    one.now = now;
    expect((await one.state()).restart.phase).toBe(phase);
    expect((await one.transitions.census({ shard: 0, now })).phases[phase]).toBeGreaterThan(0);
  }
});

test("a restart that ends before it began, by a clock that was set back, has cost no downtime", async () => {
  const one = await withBudget({ downtimeMs: 1_000 });
  await restarted(one, 10, "file-write", -3);
  expect((await one.state()).restart).toMatchObject({ phase: "idle", lastCycle: { outcome: "ok" } });
  await restarted(one, 60_010);
  await expectSound(one);
});
