import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

/** Every step of a cycle, in the order a worker takes them. */
const POINTS = [
  "after begin",
  "after journal BEGIN",
  "after effect begin",
  "after journal RUNNING",
  "after journal END",
  "after effect end",
  "after end",
];

describe.concurrent("race: worker SIGKILL at any step", () => {
  test.for(POINTS)(
    "killed %s, another worker finishes the cycle, and the next one comes",
    async (point, { useBench }) => {
      const bench = useBench();
      await bench.coordinator.registry.register("w", {});
      const victim = bench.workerProcess({ FAULT_AT: point, RESTART_LEASE_MS: "1000" });
      await bench.coordinator.trigger("w", { source: "manual" });
      expect(await victim.ended).toBe("SIGKILL");

      await bench.worker();
      const { lastCycle } = await bench.settled("w");
      expect(lastCycle?.outcome).toBe("ok");
      expect(await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(1);
      const effects = await bench.effects("w");
      expect(new Set(effects.map(({ cycleId }) => cycleId))).toEqual(new Set([lastCycle?.id]));
      expect(effects.at(-1)?.effect).toBe("end");
      expect(await bench.ledger.refusals()).toEqual([]);

      await bench.coordinator.trigger("w", { source: "manual" });
      expect((await bench.settled("w")).lastCycle?.id).not.toBe(lastCycle?.id);
      expect(await bench.failedJobs()).toBe(0);
    },
  );
});
