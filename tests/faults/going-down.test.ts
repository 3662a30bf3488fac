import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

// Neither a lease that runs out nor a sweep can help within the test: only what the worker does on its way out.
const NOTHING_ELSE_HELPS = { RESTART_LEASE_MS: "600000", RESTART_SWEEP_MS: "3600000" };

describe.concurrent("going down politely (SIGTERM in the middle of a cycle)", () => {
  test("a worker with grace enough finishes its cycle, then goes", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const worker = bench.workerProcess({ ...NOTHING_ELSE_HELPS, SIMULATED_DURATION_MS: "500" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await bench.effect("w", "begin");
    worker.kill("SIGTERM");

    expect(await worker.ended).toBe(0);
    expect((await bench.state("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 1 });
    expect(await bench.failedJobs()).toBe(0);
  });

  test("past its grace it hands over: another resumes the same cycle from the journal at once", async ({
    useBench,
  }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const leaving = bench.workerProcess({
      ...NOTHING_ELSE_HELPS,
      SIMULATED_DURATION_MS: "4000",
      SHUTDOWN_GRACE_MS: "50",
    });
    await bench.coordinator.trigger("w", { source: "manual" });
    const began = await bench.effect("w", "begin");
    leaving.kill("SIGTERM");
    expect(await leaving.ended).toBe(0);
    expect(await bench.effects("w")).toEqual([began]);
    expect(await bench.failedJobs()).toBe(0);

    await bench.worker({ ...NOTHING_ELSE_HELPS, SIMULATED_DURATION_MS: "600000" });
    const { lastCycle } = await bench.settled("w");
    expect(lastCycle).toMatchObject({ id: began.cycleId, outcome: "ok", attempt: 2 });
    // Resumed, not started over: one "begin", and the wait is the first attempt's, not another ten minutes.
    expect((await bench.effects("w")).map(({ effect }) => effect)).toEqual(["begin", "end"]);
    expect(await bench.events("w", "WORKSPACE_PROVISIONING")).toMatchObject([
      { payload: { how: "new" } },
      { payload: { how: "takeover", attempt: 2 } },
    ]);
    expect(await bench.failedJobs()).toBe(0);
  });

  test("a rolling deploy under load fails no job and loses no cycle", async ({ useBench }) => {
    const bench = useBench();
    const ids = Array.from({ length: 12 }, (_, i) => `w${i}`);
    await Promise.all(ids.map((id) => bench.coordinator.registry.register(id, {})));
    const settings = { SIMULATED_DURATION_MS: "300", SHUTDOWN_GRACE_MS: "50", CONCURRENCY: "3" };
    const old = await bench.worker({ ...NOTHING_ELSE_HELPS, ...settings });
    await Promise.all(ids.map((id) => bench.coordinator.trigger(id, { source: "file-write" })));
    await bench.effect("w0", "begin");
    const next = await bench.worker({ ...NOTHING_ELSE_HELPS, ...settings });
    await old.stop();
    await bench.worker({ ...NOTHING_ELSE_HELPS, ...settings });
    await next.stop();

    for (const id of ids) {
      const { lastCycle } = await bench.settled(id);
      const ends = (await bench.effects(id)).filter(({ effect }) => effect === "end");
      expect(ends.map(({ cycleId }) => cycleId)).toEqual([lastCycle?.id]);
    }
    expect(await bench.failedJobs()).toBe(0);
    expect(await bench.ledger.refusals()).toEqual([]);
  });
});
