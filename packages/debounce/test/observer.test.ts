/** What a coordinator and a worker tell whoever counts: only what Redis has answered, and each thing once. */

import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import type { JudgedTriggers, Observer } from "../src/transitions/observer.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();

/** A coordinator and a worker on workspaces of their own, and all they told. */
function watched() {
  const told = {
    judged: [] as JudgedTriggers[],
    ended: [] as string[],
    fenced: [] as string[],
    answered: [] as string[],
  };
  const observer: Observer = {
    judged: (judged) => told.judged.push(judged),
    ended: (outcome) => told.ended.push(outcome),
    fenced: (write) => told.fenced.push(write),
    answered: (script, tookMs) => {
      expect(tookMs).toBeGreaterThan(0);
      told.answered.push(script);
    },
  };
  const options = { redis: own.redis, prefix: own.prefix, observer };
  return {
    told,
    coordinator: new RestartCoordinator(new Installation(options)),
    cycles: new Cycles(new Installation({ ...options }), { worker: "w" }),
  };
}

const fired = { decision: "fired", rule: "window" };

test("every trigger of a herd is told, the batches they went in notwithstanding", async () => {
  const { told, coordinator } = watched();
  await coordinator.registry.register("herd", {});
  const one = { source: "file-write" };
  const receipts = await Promise.all(Array.from({ length: 50 }, () => coordinator.trigger("herd", one)));
  expect(told.judged.reduce((sum, { count }) => sum + count, 0)).toBe(50);
  expect(told.judged[0]).toMatchObject({ source: "file-write", count: 1, first: fired, rest: fired });
  expect(told.judged.slice(1).every(({ first, rest }) => first.rule === "pending" && rest.rule === "pending")).toBe(
    true,
  );
  expect(receipts.filter(({ decision }) => decision === "fired")).toHaveLength(1);
  expect(told.answered.filter((script) => script === "trigger")).toHaveLength(told.judged.length);
});

test("a repeated request is told once", async () => {
  const { told, coordinator } = watched();
  await coordinator.registry.register("twice", {});
  const request = { source: "file-write", idempotency: { key: "k", body: "b" } };
  const first = await coordinator.trigger("twice", request);
  expect((await coordinator.trigger("twice", request)).triggerId).toBe(first.triggerId);
  expect(told.judged).toMatchObject([{ source: "file-write", count: 1, first: fired, rest: fired }]);
});

test("what was not judged is not told", async () => {
  const { told, coordinator } = watched();
  await expect(coordinator.trigger("anybody", { source: "made-up" })).rejects.toThrow(/made-up/);
  expect(told.judged).toEqual([]);
});

test("a failed cycle that a person supersedes, or cancels, is told as over", async () => {
  const { told, coordinator, cycles } = watched();
  await coordinator.registry.register("failing", {});
  for (const end of ["superseded", "canceled"] as const) {
    await coordinator.trigger("failing", { source: "manual" });
    const begun = await cycles.begin("failing");
    if (begun.kind !== "begun") throw new Error(begun.kind);
    await begun.lease.end({ outcome: "failed", error: "x", retryable: true });
    if (end === "superseded") await coordinator.trigger("failing", { source: "manual" });
    else await coordinator.verbs.cancel("failing", { actor: "ann" });
    if (end === "superseded") await coordinator.verbs.cancel("failing", { actor: "ann" });
    expect(told.ended.at(-1)).toBe(end);
  }
  expect(told.ended).toEqual(["superseded", "canceled"]);
});

test("each write with an old token is told", async () => {
  const { told, coordinator, cycles } = watched();
  await coordinator.registry.register("stale", {});
  await coordinator.trigger("stale", { source: "manual" });
  const begun = await cycles.begin("stale");
  if (begun.kind !== "begun") throw new Error(begun.kind);
  expect(told.fenced).toEqual([]);
  await coordinator.registry.forget("stale", { actor: "ann" });
  await expect(begun.lease.record("{}")).rejects.toThrow();
  expect(await begun.lease.end({ outcome: "ok" })).toEqual({ kind: "lost" });
  expect(told.fenced).toEqual(["journal", "end"]);
});
