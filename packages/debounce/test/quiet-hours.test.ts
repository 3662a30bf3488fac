import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES, type Policy } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { at, useWorkspaces } from "./support/workspace.ts";

const MINUTE = 60_000;
const NIGHT = [at(10 * MINUTE), at(20 * MINUTE)] as const;
const quiet = (except: string[] = []): Policy => ({ ...POLICIES.default, quietHours: { intervals: [NIGHT], except } });

const own = useRedis();
const workspace = useWorkspaces(own, { policy: quiet(["secret-change"]), replicas: 3 });

describe("in quiet hours", () => {
  test("a trigger is owed with the rule quiet-hours, and the cycle begins at their end and says so", async () => {
    const one = await workspace();
    const owed = { decision: "coalesced", rule: "quiet-hours", dueAt: NIGHT[1] };
    expect(await one.at(12 * MINUTE).trigger("file-write")).toMatchObject(owed);
    expect(await one.at(13 * MINUTE).trigger("plugin-change")).toMatchObject(owed);
    expect(await one.wakeAt()).toBe(NIGHT[1]);
    expect(await one.at(20 * MINUTE - 1).begin()).toMatchObject({ kind: "not-due", dueAt: NIGHT[1] });
    const { covers } = await one.at(20 * MINUTE).cycle();
    expect(covers).toHaveLength(2);
    const told = await own.redis.lrange(own.keys.forWorkspace("activity", one.id), 0, -1);
    const events = told.map((text) => JSON.parse(text) as { event: string; payload: object });
    const fired = events.find(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED");
    expect(fired?.payload).toMatchObject({ because: "quiet-hours", auto: true });
  });

  test("a source that may restart all the same takes everything owed along", async () => {
    const one = await workspace();
    await one.at(12 * MINUTE).trigger("file-write");
    expect(await one.trigger("secret-change")).toMatchObject({ decision: "fired", dueAt: at(12 * MINUTE) });
    expect((await one.begun()).covers).toHaveLength(2);
    // What comes after it waits again.
    await one.end();
    expect(await one.at(14 * MINUTE).trigger("file-write")).toMatchObject({ rule: "quiet-hours" });
  });

  test("a person restarts at once, and so does a flush", async () => {
    const one = await workspace();
    expect(await one.at(12 * MINUTE).trigger("manual")).toMatchObject({ decision: "fired" });
    await one.cycle();
    await one.at(14 * MINUTE).trigger("file-write");
    await one.transitions.flush({ id: one.id, actor: "ann", now: one.now });
    await one.begun();
  });

  test("a cycle under way goes on, and is taken over and tried again", async () => {
    const one = await workspace();
    await one.at(10 * MINUTE - 1).trigger("file-write");
    await one.begun();
    await one.at(10 * MINUTE + 1).end("failed");
    expect(await one.at(11 * MINUTE).begun()).toMatchObject({ how: "retry" });
    expect(await one.at(12 * MINUTE).begun()).toMatchObject({ how: "takeover" });
  });

  test("probes are dropped as ever, and the end belongs to the day", async () => {
    const one = await workspace();
    expect(await one.at(20 * MINUTE).trigger("file-write")).toMatchObject({ decision: "fired" });
    await one.begun();
    expect(await one.trigger("a2a-preflight")).toMatchObject({ decision: "dropped", rule: "running" });
  });
});

describe("what was owed before they begin waits for their end", () => {
  test("when it becomes due within them", async () => {
    const one = await workspace();
    expect(await one.at(10 * MINUTE - 1_000).trigger("plugin-change")).toMatchObject({
      decision: "coalesced",
      rule: "quiet-hours",
      dueAt: NIGHT[1],
    });
  });

  test("when nobody looked in time", async () => {
    const one = await workspace();
    expect(await one.at(10 * MINUTE - 1).trigger("file-write")).toMatchObject({ decision: "fired" });
    expect(await one.at(10 * MINUTE).begin()).toMatchObject({ kind: "not-due", dueAt: NIGHT[1] });
    expect(await one.wakeAt()).toBe(NIGHT[1]);
    await one.at(20 * MINUTE).begun();
  });

  test("when a cycle ends within them: whoever looks finds it too early", async () => {
    const one = await workspace();
    await one.at(9 * MINUTE).trigger("file-write");
    await one.begun();
    await one.at(9 * MINUTE + 30_000).trigger("file-write");
    await one.at(11 * MINUTE).end();
    expect(await one.at(11 * MINUTE).begin()).toMatchObject({ kind: "not-due", dueAt: NIGHT[1] });
  });

  test("when the policy only then got them", async () => {
    const plain = await workspace("plain", POLICIES.default);
    await plain.at(12 * MINUTE).trigger("plugin-change");
    const choice = { otherwise: quiet(), alternatives: [] };
    const reply = await plain.transitions.begin({ id: "plain", owner: "w", choice, now: at(13 * MINUTE) });
    expect(reply).toMatchObject({ kind: "not-due", dueAt: NIGHT[1] });
  });
});

test("Redis' clock decides, and the state tells when they end", async () => {
  const [seconds] = await own.redis.time();
  const now = Number(seconds) * 1_000;
  const intervals = [[now - MINUTE, now + 60 * MINUTE]] as const;
  const night: Policy = { ...POLICIES.default, quietHours: { intervals, except: [] } };
  const day: Policy = { ...POLICIES.default, quietHours: { intervals: [[now - 60 * MINUTE, now]], except: [] } };
  const override = { name: "day", match: { tags: { shift: "day" } }, policy: day };
  const provider = { policies: { common: night, overrides: [override] } };
  const coordinator = new RestartCoordinator(
    new Installation({ redis: own.redis, prefix: own.prefix, policy: provider }),
  );
  await coordinator.registry.register("sleeping", {});
  await coordinator.registry.register("awake", { tags: { shift: "day" } });
  const owed = await coordinator.trigger("sleeping", { source: "file-write" });
  expect(owed).toMatchObject({ decision: "coalesced", rule: "quiet-hours", dueAt: now + 60 * MINUTE });
  expect(await coordinator.trigger("awake", { source: "file-write" })).toMatchObject({ decision: "fired" });
  expect((await coordinator.workspace("sleeping"))?.restart).toMatchObject({ phase: "scheduled", dueAt: owed.dueAt });
  const cycles = new Cycles(new Installation({ redis: own.redis, prefix: own.prefix, policy: provider }), {
    worker: "test",
  });
  expect(await cycles.begin("sleeping")).toMatchObject({ kind: "not-due", dueAt: owed.dueAt });
  const begun = await cycles.begin("awake");
  if (begun.kind === "begun") await begun.lease.end({ outcome: "ok" });
  expect(begun.kind).toBe("begun");
});
