import { CycleLease } from "@restart-coordinator/debounce";
import { describe, expect, vi } from "vitest";
import { test } from "./support/bench.ts";

// No sweep within the test: the hint alone must lead there.
const HINTS_ALONE = { RESTART_SWEEP_MS: "3600000" };

describe("race: a trigger between the worker's last look and job completion", () => {
  test("its hint is no duplicate of the job that is about to complete, so its cycle comes at once", async ({
    useBench,
  }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const end = CycleLease.prototype.end;
    let late: Promise<unknown> | undefined;
    vi.spyOn(CycleLease.prototype, "end").mockImplementation(async function (this: CycleLease, result) {
      const reply = await end.call(this, result);
      // The worker's last look: nothing more is due. Its job is still active when it hears of the answer.
      if (reply.kind === "ended" && reply.dueAt === undefined) {
        late ??= bench.coordinator.trigger("w", { source: "manual", reason: "late" });
        await late;
      }
      return reply;
    });
    await bench.worker(HINTS_ALONE);

    await bench.coordinator.trigger("w", { source: "manual", reason: "early" });
    await vi.waitUntil(() => late !== undefined, { timeout: 60_000 });
    expect(await late).toMatchObject({ decision: "fired" });
    const { lastCycle } = await bench.settled("w");
    expect(lastCycle?.covers?.[0]?.reasons).toEqual(["late"]);
    expect(await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(2);
    vi.restoreAllMocks();
  });

  test("a trigger while the cycle ends is found by the same worker before it lets the job go", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.trigger("w", { source: "manual" });
    await bench.worker({ SIMULATED_DURATION_MS: "200", RESTART_SWEEP_MS: "3600000" });
    await bench.effect("w", "begin");
    const receipt = await bench.coordinator.trigger("w", { source: "manual", reason: "while it runs" });
    expect(receipt).toMatchObject({ decision: "coalesced", rule: "running" });

    const { lastCycle } = await bench.settled("w");
    expect(lastCycle?.covers?.[0]?.reasons).toEqual(["while it runs"]);
    expect(await bench.effects("w")).toHaveLength(4);
  });
});
