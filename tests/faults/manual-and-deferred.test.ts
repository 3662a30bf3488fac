import { Cycles, Installation, POLICIES } from "@restart-coordinator/debounce";
import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

describe("race: manual restart while a deferred follow-up waits", () => {
  test("one cycle covers both at once: the follow-up's own hint is brought forward, and none is left", async ({
    useBench,
  }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    const { coordinator } = bench;
    await coordinator.registry.register("w", {});
    await coordinator.trigger("w", { source: "file-write", reason: "first" });
    await bench.worker({ RESTART_SWEEP_MS: "3600000" });
    await bench.settled("w");
    // … and the worker has had its last look, which would find the follow-up and enqueue a hint of its own.
    await bench.noHints();
    // The window's owner is long gone, the cooldown is not: deferred to its end, with a delayed hint.
    const deferred = await coordinator.trigger("w", { source: "file-write", reason: "deferred" });
    expect(deferred).toMatchObject({ decision: "coalesced" });
    expect((await bench.state("w")).dueAt).toBe((await bench.state("w")).cooldownEndsAt);
    await bench.delayedHints(1);

    const manual = await coordinator.trigger("w", { source: "manual" });
    expect(manual).toMatchObject({ decision: "fired" });
    const { lastCycle } = await bench.settled("w");
    expect(lastCycle?.covers?.map(({ source, count }) => [source, count])).toEqual([
      ["file-write", 1],
      ["manual", 1],
    ]);

    await bench.noHints();
    expect(await bench.effects("w")).toHaveLength(4);
    expect(await bench.failedJobs()).toBe(0);
  });

  test("a manual restart between the follow-up's begin and its end is covered by a further cycle", async ({
    useBench,
  }) => {
    const bench = useBench({ hints: false });
    const { coordinator } = bench;
    await coordinator.registry.register("w", {});
    const cycles = new Cycles(
      new Installation({
        redis: bench.redis,
        prefix: bench.prefix,
        policy: { ...POLICIES.default, cooldownMs: 0, retry: { backoffMs: 1, maxBackoffMs: 1, breakerAfter: 9 } },
      }),
      { worker: "test" },
    );
    await coordinator.trigger("w", { source: "file-write" });
    const followUp = await cycles.begin("w");
    if (followUp.kind !== "begun") throw new Error(`got ${followUp.kind}`);
    const manual = await coordinator.trigger("w", { source: "manual" });
    expect(manual.generation).toBeGreaterThan(followUp.lease.cycle.generation);
    expect(await cycles.begin("w")).toMatchObject({ kind: "busy" });
    await followUp.lease.end({ outcome: "ok" });

    const own = await cycles.begin("w");
    if (own.kind !== "begun") throw new Error(`got ${own.kind}`);
    await own.lease.end({ outcome: "ok" });
    expect(own.lease.cycle.generation).toBe(manual.generation);
    expect(await cycles.begin("w")).toEqual({ kind: "idle" });
  });
});
