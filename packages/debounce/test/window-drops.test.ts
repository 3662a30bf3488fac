/** What a claimed window drops, under a policy that owes nothing for it: counted, told once, and never an answer by itself. */

import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { policy: POLICIES.seed, replicas: 2 });

/** A workspace whose window is claimed and has dropped a first trigger. */
async function dropping(name: string) {
  const one = await workspace(name);
  const write = async (more: Parameters<TestWorkspace["trigger"]>[1] = {}) => {
    const { decision, rule, window } = await one.trigger("file-write", { reasons: ["saved"], ...more });
    return { told: `${decision}/${rule}`, suppressed: window?.suppressed };
  };
  expect(await write()).toEqual({ told: "fired/window", suppressed: 0 });
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 1 });
  return { one, write };
}

test("drops are counted, those that come together, too, and the next window counts anew", async () => {
  const { one, write } = await dropping("counted");
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 2 });
  expect(await one.at(14_999).trigger("file-write", { count: 5 })).toMatchObject({ window: { suppressed: 7 } });
  expect(await one.at(15_000).trigger("file-write")).toMatchObject({ window: { claimedAt: at(15_000) } });
});

test("what was dropped is told by the cycle's event, and moves neither window nor due time", async () => {
  const { one } = await dropping("told");
  const before = await one.wakeAt();
  for (let i = 1; i <= 3; i += 1) await one.at(i * 1_000).trigger("file-write");
  expect(await one.wakeAt()).toBe(before);
  await one.at(5_000).begun();
  const [fired] = await one.events("WORKSPACE_AUTO_RESTART_FIRED");
  const dropped = { source: "file-write", rule: "window", count: 4, firstAt: at(0), lastAt: at(3_000) };
  expect(fired?.payload.dropped).toEqual([dropped]);
  expect(fired?.payload.covers).toMatchObject([{ source: "file-write", count: 1 }]);
});

test("a write that the window drops while a cycle runs is told as one that landed then", async () => {
  const { one, write } = await dropping("running");
  await one.begun();
  expect(await write({ write: true })).toEqual({ told: "dropped/window", suppressed: 2 });
  expect(await one.events("WORKSPACE_RESTARTING_MID_WRITE")).toHaveLength(1);
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
    const { one, write } = await dropping(`refused-${name.replaceAll(" ", "-")}`);
    await change(one);
    expect(await write()).toMatchObject({ told });
  },
);

test("sources are counted apart", async () => {
  const { one, write } = await dropping("sources");
  await one.trigger("template-import");
  await one.trigger("template-import");
  expect(await write()).toEqual({ told: "dropped/window", suppressed: 2 });
  expect(await one.trigger("template-import")).toMatchObject({ rule: "window", window: { suppressed: 3 } });
});

test("a replica whose policy owes what comes within the window owes it", async () => {
  const { one, write } = await dropping("other-policy");
  const choice = { otherwise: POLICIES.default, alternatives: [] };
  expect(await write({ choice })).toMatchObject({ told: "coalesced/pending" });
  expect((await one.state()).restart.why).toMatchObject([{ count: 2 }]);
});

test("a call that is sent again is counted once, and answered as at first", async () => {
  const { one } = await dropping("again");
  const call = one.call("file-write", { nonce: "n1" });
  const first = await one.transitions.trigger(call);
  expect(await one.transitions.trigger(call)).toEqual({ ...first, kind: "replayed" });
  expect((await one.view()).state["suppressed:file-write"]).toBe("2");
});

test("what one replica was told, and another has changed since, is decided by Redis", async () => {
  const coordinators = [1, 2].map(
    () => new RestartCoordinator(new Installation({ redis: own.connect(), prefix: own.prefix, policy: POLICIES.seed })),
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
