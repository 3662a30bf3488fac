/** Restarts that bring about the next one are found and broken; what people do is never taken for that. */
import { describe, expect, test } from "vitest";
import { LOOP, POLICIES, type Policy } from "../src/policy/policy.ts";
import { replay } from "../src/simulation/replay.ts";
import { outcomeOf } from "../src/workspace/trigger-outcome.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { ScriptsMachine } from "./support/scripts-machine.ts";
import { readTrace } from "./support/trace.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 2 });
const withLoop = (loop: Policy["loop"]) => workspace(undefined, { ...POLICIES.default, ...(loop && { loop }) });

const PROBE = { reasons: ["port 80 is closed"] };
/** A little more than the cooldown. */
const PERIOD_MS = 61_000;

/** The probe fires again and again, a period after each restart, which it brings about. */
async function probed(one: TestWorkspace, times: number, more = PROBE): Promise<string[]> {
  const cycles: string[] = [];
  for (let i = 0; i < times; i += 1) {
    expect(await one.trigger("liveness-offline", more), `probe ${i}`).toMatchObject({ decision: "fired" });
    cycles.push((await one.cycle()).cycleId);
    one.now += PERIOD_MS;
  }
  return cycles;
}

/** Where the fourth probe would bring about the fourth restart. */
async function loop(): Promise<TestWorkspace> {
  const one = await workspace();
  await probed(one.at(0), 3);
  expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ decision: "coalesced", rule: "loop" });
  return one;
}

describe("a probe that fires with the same reason after each of the last three restarts", () => {
  test("is a loop: told with its evidence, owed, and nothing starts it by itself", async () => {
    const one = await workspace();
    const cycles = await probed(one.at(0), 3);
    expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({
      decision: "coalesced",
      rule: "loop",
      dueAt: undefined,
      hintId: undefined,
    });
    const [told, ...others] = await one.events("WORKSPACE_RESTART_LOOP");
    const evidence = { source: "liveness-offline", reason: "port 80 is closed", cycles };
    expect(told?.payload).toMatchObject({ rule: "loop", ...evidence });
    expect(others).toEqual([]);
    const { restart } = await one.state();
    expect(restart).toMatchObject({ phase: "failed", dueAt: undefined, breakerOpen: true, loop: evidence });
    expect(restart.why).toMatchObject([{ source: "liveness-offline", count: 1 }]);
    expect(await one.begin()).toEqual({ kind: "idle" });
    await expectSound(one);
  });

  test("is told once, and whatever else fires by itself is owed with it", async () => {
    const one = await loop();
    one.now += 3_600_000;
    for (const source of ["liveness-offline", "startup", "a2a-preflight"])
      expect(await one.trigger(source, PROBE), source).toMatchObject({ decision: "coalesced", rule: "loop" });
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toHaveLength(1);
    expect(await one.begin()).toEqual({ kind: "idle" });
  });

  test("lets whoever waits for its trigger know", async () => {
    const one = await loop();
    const { generation } = (await one.state()).restart;
    const id = { decision: "coalesced", rule: "loop", generation, nonce: "n", workspaceId: one.id } as const;
    expect(outcomeOf(id, await one.state(), [])).toEqual({
      status: "failed",
      error: "liveness-offline is in a loop with our own restarts",
    });
  });

  test("may have been set off by a change", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.cycle();
    await probed(one.at(PERIOD_MS), 2);
    expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ rule: "loop" });
  });
});

describe("how many restarts make a loop, and how soon", () => {
  test.each([2, 5])("is the policy's: %i", async (cycles) => {
    const one = await withLoop({ ...LOOP, cycles });
    await probed(one.at(0), cycles);
    expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ rule: "loop" });
  });

  test("none do, where it is off", async () => {
    const one = await withLoop({ ...LOOP, cycles: 0 });
    await probed(one.at(0), 10);
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toEqual([]);
  });

  test("what comes later than that after the cooldown is none of their doing", async () => {
    for (const [withinMs, rule] of [
      [1_000, "window"],
      [1_001, "loop"],
    ] as const) {
      const one = await withLoop({ cycles: 3, withinMs });
      await probed(one.at(0), 3);
      expect(await one.trigger("liveness-offline", PROBE), `${withinMs} ms`).toMatchObject({ rule });
    }
  });

  test("a cycle that outlasts the cooldown is followed from its end on", async () => {
    const one = await workspace();
    for (let i = 0; i < 3; i += 1) {
      expect(await one.trigger("startup")).toMatchObject({ decision: "fired" });
      await one.begun();
      one.now += 300_000;
      await one.end();
      one.now += 59_999;
    }
    expect(await one.trigger("startup")).toMatchObject({ rule: "loop" });
  });
});

describe("no loop", () => {
  test("is what fires for another reason each time", async () => {
    const one = await workspace();
    for (let i = 0; i < 6; i += 1) await probed(one, 1, { reasons: [`reason ${i}`] });
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toEqual([]);
  });

  test("is what people do: the trace edit-wait-edit, under every profile", async () => {
    for (const [name, policy] of Object.entries(POLICIES)) {
      const id = `edit-${name}`;
      const machine = await new ScriptsMachine((await workspace(id)).transitions, policy, id).register();
      const { cycles } = await replay(machine, readTrace("edit-wait-edit"), 30_000);
      expect(cycles.length, "there is much to be taken for one").toBeGreaterThan(5);
      const events = await own.redis.lrange(own.keys.forWorkspace("activity", id), 0, -1);
      expect(events.filter((event) => event.includes("WORKSPACE_RESTART_LOOP"))).toEqual([]);
    }
  });

  test("are saves with the same reason, each followed by the probes that every restart sets off", async () => {
    const one = await workspace();
    for (let i = 0; i < 6; i += 1) {
      expect(await one.trigger("file-write", { reasons: ["saved a.txt"] })).toMatchObject({ decision: "fired" });
      await one.begun();
      for (const at of [1_000, 20_000]) {
        one.now += at;
        expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ decision: "dropped" });
      }
      await one.end();
      one.now += PERIOD_MS;
    }
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toEqual([]);
  });

  test("is what a change was behind, too: it begins to count anew", async () => {
    const one = await workspace();
    await probed(one.at(0), 2);
    await one.trigger("file-write");
    await probed(one, 0);
    await one.trigger("liveness-offline", PROBE);
    await one.cycle();
    one.now += PERIOD_MS;
    await probed(one, 2);
    expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ rule: "loop" });
  });

  test("is what a declined cycle is followed by: it restarted nothing", async () => {
    const one = await withLoop({ cycles: 2, withinMs: 600_000 });
    for (let i = 0; i < 4; i += 1) {
      await one.trigger("liveness-offline", PROBE);
      one.now += 300_000;
      await one.begun();
      await one.end("declined");
    }
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toEqual([]);
  });
});

describe("a loop ends", () => {
  test.each([
    ["manual", "fired"],
    ["file-write", "coalesced"],
    ["secret-change", "coalesced"],
  ])(
    "with a trigger of %s, which covers what is owed; it takes three more to find it again",
    async (source, decision) => {
      const one = await loop();
      expect(await one.trigger(source)).toMatchObject({ decision });
      expect((await one.state()).restart).toMatchObject({ phase: "scheduled", loop: undefined, breakerOpen: false });
      await expectSound(one);
      one.now = (await one.wakeAt()) ?? 0;
      expect((await one.begun()).covers).toHaveLength(2);
      await one.end();
      one.now += PERIOD_MS;
      await probed(one, 2);
      expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ rule: "loop" });
    },
  );

  test("with a flush", async () => {
    const one = await loop();
    expect(await one.flush()).toMatchObject({ kind: "flushed", dueAt: one.now });
    expect(await one.begun()).toMatchObject({ how: "new" });
    await one.end();
    await expectSound(one);
    one.now += PERIOD_MS;
    await probed(one, 2);
  });

  test("with a pause and a resume", async () => {
    const one = await loop();
    await one.desire("paused");
    await one.cycle();
    await one.desire("running");
    expect((await one.begun()).covers).toMatchObject([{ source: "liveness-offline" }]);
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", loop: undefined });
    await expectSound(one);
  });

  test("not with a cancel: what is owed is dropped, and the next probe closes it again", async () => {
    const one = await loop();
    expect(await one.cancel()).toEqual({ kind: "canceled", triggers: 1 });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", loop: undefined });
    await expectSound(one);
    one.now += 1_000;
    expect(await one.trigger("liveness-offline", PROBE)).toMatchObject({ rule: "loop" });
    expect(await one.events("WORKSPACE_RESTART_LOOP")).toHaveLength(2);
  });
});

test("however many reasons come, few are remembered", async () => {
  const one = await workspace();
  const reasons = Array.from({ length: 32 }, (_, i) => `reason ${i}`);
  await probed(one, 1, { reasons });
  await one.trigger("liveness-offline", { reasons });
  await one.trigger("liveness-offline", { reasons: reasons.map((reason) => `another ${reason}`) });
  const echoes = JSON.parse((await one.view()).state.echoes ?? "{}") as Record<string, unknown>;
  expect(Object.keys(echoes)).toHaveLength(32);
  expect(at(0)).toBeLessThan(one.now);
});
