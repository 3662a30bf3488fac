import { describe, expect } from "vitest";
import { type Bench, test } from "./support/bench.ts";
import type { Child } from "./support/child.ts";
import { eventually } from "./support/eventually.ts";

const SOON_MS = 30_000;

describe.concurrent("Redis away in the middle of a cycle", () => {
  test("for longer than the lease: the cycle is taken over, what was acknowledged is done, the same worker goes on", async ({
    useBench,
    useServer,
  }) => {
    const server = await useServer();
    const bench = useBench(server);
    const worker = await midCycle(bench, {
      RESTART_LEASE_MS: "1000",
      SIMULATED_DURATION_MS: "1500",
    });
    const queued = await bench.coordinator.trigger("w", {
      source: "manual",
      reason: "acknowledged, then an outage",
    });
    await server.kill("SIGKILL");
    // The worker stops by itself once its lease must have run out: nobody there could tell it.
    await worker.logged(/the lease is lost/);
    await server.restart();

    const { observedGeneration } = await bench.settled("w", SOON_MS);
    expect(observedGeneration).toBeGreaterThanOrEqual(queued.generation);
    await expectNoCycleTwice(bench);
    await expectNotWedged(bench, worker);
  });

  test("for less than the lease: the same attempt goes on", async ({ useBench, useServer }) => {
    const server = await useServer();
    const bench = useBench(server);
    const worker = await midCycle(bench, {
      RESTART_LEASE_MS: "60000",
      SIMULATED_DURATION_MS: "100",
    });
    await server.kill("SIGKILL");
    await worker.logged(/Redis is away/);
    await server.restart();
    expect((await bench.settled("w", SOON_MS)).lastCycle).toMatchObject({ outcome: "ok", attempt: 1 });
    await expectNoCycleTwice(bench);
    await expectNotWedged(bench, worker);
  });

  test("for longer than BullMQ's blocking wait, with an idle worker: it takes hints again", async ({
    useBench,
    useServer,
  }) => {
    const server = await useServer();
    const bench = useBench(server);
    await bench.coordinator.registry.register("w", {});
    // Hints alone must lead there, through the blocking connection that the outage cut.
    const worker = bench.workerProcess({ RESTART_SWEEP_MS: "3600000" });
    await worker.logged(/takes restarts/);
    await server.kill("SIGKILL");
    await worker.logged(/Redis is away/);
    // The outage itself: its length is what is tested, and a slow machine only makes it longer.
    await new Promise((resolve) => setTimeout(resolve, BLOCKING_WAIT_MS + 500));
    await server.restart();
    await expectNotWedged(bench, worker);
  });

  test("a worker told to stop meanwhile goes without Redis, and its cycle is taken over later", async ({
    useBench,
    useServer,
  }) => {
    const server = await useServer();
    const bench = useBench(server);
    const worker = await midCycle(bench, {
      RESTART_LEASE_MS: "1500",
      SIMULATED_DURATION_MS: "600000",
      SHUTDOWN_GRACE_MS: "100",
    });
    await server.kill("SIGKILL");
    await worker.logged(/Redis is away/);
    worker.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    await server.restart();
    await bench.coordinator.registry.register("w", { spec: { durationMs: 1 } });
    await eventually("another worker takes the cycle over", async () => (await bench.state("w")).cycle !== undefined);
  });
});

/** BullMQ's drainDelay: how long its worker waits for a job in one call. */
const BLOCKING_WAIT_MS = 5_000;

async function midCycle(bench: Bench, settings: Record<string, string>): Promise<Child> {
  await bench.coordinator.registry.register("w", {});
  const worker = bench.workerProcess(settings);
  await worker.logged(/takes restarts/);
  await bench.coordinator.trigger("w", { source: "manual" });
  await bench.effect("w", "begin");
  return worker;
}

async function expectNoCycleTwice(bench: Bench): Promise<void> {
  const ends = (await bench.effects("w")).filter(({ effect }) => effect === "end").map(({ cycleId }) => cycleId);
  expect(new Set(ends).size).toBe(ends.length);
}

async function expectNotWedged(bench: Bench, worker: Child) {
  await bench.coordinator.trigger("w", { source: "manual", reason: "after the outage" });
  expect((await bench.settled("w", SOON_MS)).lastCycle).toMatchObject({ outcome: "ok" });
  expect(await bench.failedJobs()).toBe(0);
  worker.kill("SIGTERM");
  expect(await worker.ended).toBe(0);
  // Cleanly, not because it gave up waiting.
  expect(worker.log.map(({ msg }) => msg)).not.toContainEqual(expect.stringMatching(/still under way/));
}
