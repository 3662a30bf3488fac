import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

const FROZEN = { FAULT_SIGNAL: "SIGSTOP", RESTART_LEASE_MS: "2000" };

describe.concurrent("race: worker SIGSTOP past its lease, then SIGCONT", () => {
  test("the one call it was cleared for is refused by the resource, and its end by Redis", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const sleeper = bench.workerProcess({ ...FROZEN, FAULT_AT: "after journal END" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await sleeper.frozen();

    await bench.worker();
    const { lastCycle } = await bench.settled("w");
    expect(lastCycle).toMatchObject({ outcome: "ok", attempt: 2 });
    sleeper.kill("SIGCONT");
    // Whichever it hears first: its own clock, or Redis.
    await sleeper.logged(/the lease is lost|its end was refused/);

    const effects = await bench.effects("w");
    expect(effects.map(({ effect, attempt }) => [effect, attempt])).toEqual([
      ["begin", 1],
      ["end", 2],
    ]);
    const refusals = await bench.ledger.refusals();
    expect(refusals.map(({ attempt }) => attempt)).toEqual([1]);
    expect((await bench.state("w")).lastCycle).toEqual(lastCycle);
  });

  test("a worker frozen before a step makes no further side effect", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const sleeper = bench.workerProcess({ ...FROZEN, FAULT_AT: "after journal RUNNING" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await sleeper.frozen();

    await bench.worker();
    await bench.settled("w");
    sleeper.kill("SIGCONT");
    await sleeper.logged(/the lease is lost/);

    const effects = await bench.effects("w");
    expect(effects.map(({ effect, attempt }) => [effect, attempt])).toEqual([
      ["begin", 1],
      ["end", 2],
    ]);
    expect(await bench.ledger.refusals()).toEqual([]);
  });

  test("with no other worker, it takes its own cycle over after it woke", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const sleeper = bench.workerProcess({ ...FROZEN, FAULT_AT: "after journal RUNNING" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await sleeper.frozen();
    const { leaseEndsAt } = (await bench.coordinator.installation.transitions.view("w")).state;
    await bench.untilRedisClock(Number(leaseEndsAt) + 1);

    sleeper.kill("SIGCONT");
    expect((await bench.settled("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 2 });
  });
});
