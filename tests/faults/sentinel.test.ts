import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";
import { eventually } from "./support/eventually.ts";
import { serverBinary, startReplicaOf, startServer } from "./support/local-servers.ts";
import { startSentinel } from "./support/sentinel.ts";

const REPLICATED = { RESTART_MIN_REPLICAS: "1", RESTART_REPLICA_TIMEOUT_MS: "1000" };

describe.skipIf(serverBinary === undefined)("a Sentinel failover in the middle of a cycle", () => {
  test("neither doubles the cycle nor loses an acknowledged trigger, when both were replicated", async ({
    useBench,
  }) => {
    const master = await startServer();
    await startReplicaOf(master);
    const sentinel = await startSentinel(master);
    const bench = useBench({ url: sentinel.url, replication: { minReplicas: 1, timeoutMs: 10_000 } });
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.registry.register("waiting", {});
    // A lease longer than the failover takes, a cycle that the failover falls into. One cycle at a time: "waiting" waits.
    const worker = bench.workerProcess({
      ...REPLICATED,
      RESTART_LEASE_MS: "30000",
      SIMULATED_DURATION_MS: "4000",
      CONCURRENCY: "1",
    });
    await worker.logged(/takes restarts/);
    await bench.coordinator.trigger("w", { source: "manual" });
    const began = await bench.effect("w", "begin");
    const receipts = [
      await bench.coordinator.trigger("w", { source: "manual", reason: "while it runs" }),
      await bench.coordinator.trigger("waiting", { source: "manual" }),
    ];
    await master.kill("SIGKILL");
    await sentinel.masterAfter(master.port);

    // Whoever waits for replicas now waits for one that does not exist any more: a person lowers the setting.
    const next = await eventually(
      "the cycle ends",
      async () => (await bench.effects("w")).find(({ effect }) => effect === "end"),
      30_000,
    );
    expect(next).toMatchObject({ cycleId: began.cycleId, fencingToken: began.fencingToken });
    worker.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    await bench.worker();
    for (const { workspaceId, generation } of receipts) {
      expect((await bench.settled(workspaceId)).observedGeneration).toBeGreaterThanOrEqual(generation);
    }
    const ofTheFirst = (await bench.effects("w")).filter(({ cycleId }) => cycleId === began.cycleId);
    expect(ofTheFirst.map(({ effect }) => effect)).toEqual(["begin", "end"]);
    expect(await bench.ledger.refusals()).toEqual([]);
  });
});
