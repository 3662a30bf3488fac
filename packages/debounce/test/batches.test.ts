import { describe, expect, test, vi } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES, PROFILES } from "../src/policy/policy.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);

const isOwed = (decision: string) => decision === "fired" || decision === "coalesced";

function coordinatorOf(profile: (typeof PROFILES)[number]) {
  const coordinator = new RestartCoordinator(
    new Installation({ redis: own.redis, prefix: own.prefix, policy: POLICIES[profile] }),
  );
  return { coordinator, roundTrips: vi.spyOn(coordinator.installation.transitions, "trigger") };
}

test("a herd of 1,000 in one coordinator costs few round trips, and every receipt is true", async () => {
  const { coordinator, roundTrips } = coordinatorOf("default");
  await coordinator.registry.register("herd", {});
  const write = (_: unknown, i: number) => coordinator.trigger("herd", { source: "file-write", reason: `file ${i}` });
  const receipts = await Promise.all(Array.from({ length: 1_000 }, write));
  expect(roundTrips.mock.calls.length).toBeLessThanOrEqual(3);
  const decisions = receipts.map(({ decision, rule }) => `${decision}/${rule}`);
  expect(decisions).toEqual(["fired/window", ...Array(999).fill("coalesced/pending")]);
  expect(new Set(receipts.map(({ triggerId }) => triggerId)).size).toBe(1_000);
  expect((await coordinator.workspace("herd"))?.restart.why).toMatchObject([{ source: "file-write", count: 1_000 }]);
});

test("a batch takes at most 1,000, and a call never joins one that was sent", async () => {
  const { coordinator, roundTrips } = coordinatorOf("default");
  await coordinator.registry.register("crowd", {});
  const write = () => coordinator.trigger("crowd", { source: "file-write" });
  await Promise.all(Array.from({ length: 2_501 }, write));
  expect(roundTrips.mock.calls.map(([{ count }]) => count)).toEqual([1, 1_000, 1_000, 500]);
});

test("triggers of other workspaces and sources, writes and forced ones do not share a round trip", async () => {
  const { coordinator, roundTrips } = coordinatorOf("default");
  await coordinator.registry.register("one", {});
  await coordinator.registry.register("two", {});
  await Promise.all([
    coordinator.trigger("one", { source: "file-write" }),
    coordinator.trigger("two", { source: "file-write" }),
    coordinator.trigger("one", { source: "secret-change" }),
    coordinator.trigger("one", { source: "file-write", write: true }),
    coordinator.trigger("one", { source: "manual" }),
    coordinator.trigger("one", { source: "manual", onHold: "override" }),
    coordinator.trigger("one", { source: "manual", idempotency: { key: "k", body: "b" } }),
  ]);
  expect(roundTrips.mock.calls.map(([{ count }]) => count)).toEqual(Array(7).fill(1));
});

test("what a batch lost, each of its callers is told", async () => {
  const { coordinator, roundTrips } = coordinatorOf("default");
  await coordinator.registry.register("unlucky", {});
  roundTrips.mockRejectedValueOnce(new Error("no answer"));
  const write = () => coordinator.trigger("unlucky", { source: "file-write" });
  const [first, ...others] = await Promise.allSettled([write(), write(), write()]);
  expect(first).toMatchObject({ status: "rejected", reason: new Error("no answer") });
  expect(others.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
});

describe("seed drops all but the first of a batch", () => {
  test("the cycle covers that one, and the others are told of once", async () => {
    const { coordinator } = coordinatorOf("seed");
    await coordinator.registry.register("burst", {});
    const write = (_: unknown, i: number) =>
      coordinator.trigger("burst", {
        source: "file-write",
        reason: `file ${i}`,
        actor: `user ${i}`,
        files: [`${i}.txt`],
      });
    const receipts = await Promise.all(Array.from({ length: 50 }, write));
    expect(receipts.filter(({ decision }) => isOwed(decision))).toHaveLength(1);
    const [why] = (await coordinator.workspace("burst"))?.restart.why ?? [];
    expect(why).toMatchObject({ count: 1, reasons: ["file 0"], actors: ["user 0"], moreReasons: 0 });
    expect(why?.files).toEqual(["0.txt"]);
    const events = await coordinator.activity("burst");
    expect(events.map(({ event }) => event)).toEqual(["WORKSPACE_RESTART_DROPPED"]);
  });
});

describe.each(PROFILES)("under the profile %s", (profile) => {
  const policy = POLICIES[profile];

  test.each(Object.entries(SITUATIONS))("a batch is judged as its triggers one by one: %s", async (_, reach) => {
    for (const source of Object.keys(policy.sources)) {
      const single = await workspace(undefined, policy);
      const batched = await workspace(undefined, policy);
      await reach(single);
      await reach(batched);
      const texts = { reasons: ["a reason"], actors: ["ann"], firstReason: "a reason", firstActor: "ann" };

      const verdicts = [];
      for (let i = 0; i < 4; i += 1) verdicts.push(await single.trigger(source, texts));
      const batch = await batched.trigger(source, { ...texts, count: 4 });

      const brief = ({ decision, rule }: { decision: string; rule: string }) => `${decision}/${rule}`;
      expect([batch, batch.rest, batch.rest, batch.rest].map(brief), source).toEqual(verdicts.map(brief));
      expect(await whatCounts(batched), source).toEqual(await whatCounts(single));
      await expectSound(batched, source);
    }
  });
});

/** All but the generations, which rise with every trigger and once with a batch. */
async function whatCounts(workspace: TestWorkspace) {
  const { state, why, covers } = await workspace.view();
  const { generation, ...rest } = state;
  const events = (await workspace.events()).map(({ event, payload: { source, rule } }) => ({ event, source, rule }));
  return { state: rest, why, covers, events, wakeAt: await workspace.wakeAt() };
}
