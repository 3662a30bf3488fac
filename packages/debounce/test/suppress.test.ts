/** The short script for what a claimed window drops by itself: where it answers, where it must not, and that it says the same. */
import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { POLICIES } from "../src/policy.ts";
import { Transitions } from "../src/transitions.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS, TestWorkspace } from "./support/workspace.ts";

const own = useRedis();

/** A workspace of one replica under the seed's policy, and the scripts that answered its triggers. */
async function watched(name: string) {
  const asked: string[] = [];
  const observer = { answered: (script: string) => void asked.push(script) };
  const settings = { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS, observer };
  const one = new TestWorkspace(name, own, [new Transitions(own.redis, own.keys, settings)], POLICIES.seed);
  await one.register();
  /** Triggers, and tells which scripts it took. */
  const write = async (more: Parameters<TestWorkspace["trigger"]>[1] = {}) => {
    asked.length = 0;
    const { decision, rule, window } = await one.trigger("file-write", { reasons: ["saved"], ...more });
    const scripts = asked.filter((script) => script === "trigger" || script === "suppress");
    return { told: `${decision}/${rule}`, suppressed: window?.suppressed, scripts };
  };
  return { one, write };
}

const JUDGED = ["trigger"];
const COUNTED = ["suppress"];
const ASKED_BOTH = ["suppress", "trigger"];

test("the first drop of a window is judged, the others are only counted", async () => {
  const { one, write } = await watched("counted");
  expect(await write()).toEqual({ told: "fired/window", suppressed: 0, scripts: JUDGED });
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 1, scripts: JUDGED });
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 2, scripts: COUNTED });
  expect(await one.at(14_999).trigger("file-write", { count: 5 })).toMatchObject({ window: { suppressed: 7 } });
  expect(await one.at(15_000).trigger("file-write")).toMatchObject({ window: { claimedAt: at(15_000) } });
});

test("what was only counted is told by the cycle's event, and moves neither window nor due time", async () => {
  const { one, write } = await watched("told");
  await write();
  const before = await one.wakeAt();
  for (let i = 1; i <= 4; i += 1) await one.at(i * 1_000).trigger("file-write");
  expect(await one.wakeAt()).toBe(before);
  await one.at(5_000).begun();
  const [fired] = await one.events("WORKSPACE_AUTO_RESTART_FIRED");
  const dropped = { source: "file-write", rule: "window", count: 4, first_at: at(1_000), last_at: at(4_000) };
  expect(fired?.payload.dropped).toEqual([dropped]);
  expect(fired?.payload.covers).toMatchObject([{ source: "file-write", count: 1 }]);
});

test("with a cycle running a trigger is judged: a write that lands then is told", async () => {
  const { one, write } = await watched("running");
  await write();
  await write();
  await one.begun();
  expect(await write({ write: true })).toEqual({ told: "dropped/window", suppressed: 2, scripts: ASKED_BOTH });
  expect(await one.events("WORKSPACE_RESTARTING_MID_WRITE")).toHaveLength(1);
  expect((await write({ write: true })).scripts, "the short script is not asked again").toEqual(JUDGED);
});

const REFUSED: Readonly<Record<string, [(one: TestWorkspace) => Promise<unknown>, string]>> = {
  paused: [(one) => one.desire("paused"), "refused/paused"],
  hibernated: [(one) => one.desire("hibernated"), "refused/hibernated"],
  "its parent paused": [(one) => one.markParent(true), "refused/parent-paused"],
  "made external": [(one) => one.register({ runtime: "external" }), "refused/external"],
  "being removed": [(one) => one.desire("removed"), "refused/removed"],
  forgotten: [(one) => one.forget(), "refused/removed"],
};

test.each(Object.entries(REFUSED))(
  "a workspace that was %s refuses what the window would have dropped",
  async (name, [change, told]) => {
    const { one, write } = await watched(`refused-${name.replaceAll(" ", "-")}`);
    await write();
    await write();
    expect(await write()).toMatchObject({ scripts: COUNTED });
    await change(one);
    expect(await write()).toMatchObject({ told, scripts: ASKED_BOTH });
  },
);

test("sources are counted apart, and one that changed places with another is judged", async () => {
  const { one, write } = await watched("sources");
  await write();
  await write();
  await one.trigger("template-import");
  await one.trigger("template-import");
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 2, scripts: ASKED_BOTH });
  expect(await one.trigger("template-import")).toMatchObject({ rule: "window", window: { suppressed: 3 } });
});

test("a replica whose policy owes what comes within the window asks for a judgement", async () => {
  const { one, write } = await watched("other-policy");
  await write();
  await write();
  const choice = { otherwise: POLICIES.default, alternatives: [] };
  expect(await write({ choice })).toMatchObject({ told: "coalesced/pending", scripts: JUDGED });
  expect((await one.state()).restart.why).toMatchObject([{ count: 2 }]);
});

test("a call that is sent again is counted once, and answered as at first", async () => {
  const { one, write } = await watched("again");
  await write();
  await write();
  const call = one.call("file-write", { nonce: "n1" });
  const first = await one.transitions.trigger(call);
  expect(await one.transitions.trigger(call)).toEqual({ ...first, kind: "replayed" });
  expect((await one.view()).state["suppressed:file-write"]).toBe("2");
});

test("what one replica has heard, and another has changed since, is decided by Redis", async () => {
  const coordinators = [1, 2].map(
    () => new RestartCoordinator({ redis: own.connect(), prefix: own.prefix, policy: POLICIES.seed }),
  );
  const [one, two] = coordinators as [RestartCoordinator, RestartCoordinator];
  await one.registry.register("shared", {});
  const request = { source: "file-write" };
  for (const coordinator of [one, one, one, two, two]) await coordinator.trigger("shared", request);
  await two.registry.desire("shared", "paused", { actor: "ann" });
  expect(await one.trigger("shared", request)).toMatchObject({ decision: "refused", rule: "paused" });
  await two.registry.desire("shared", "running", { actor: "ann" });
  expect(await one.trigger("shared", request)).toMatchObject({ decision: "dropped", rule: "window" });
});
