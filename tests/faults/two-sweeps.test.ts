import { Cycles, Installation } from "@restart-coordinator/debounce";
import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

const IDS = Array.from({ length: 150 }, (_, i) => `w${i}`);

describe("race: two sweeps at once", () => {
  test("each due workspace is hinted once, whoever comes first", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    await Promise.all(IDS.map((id) => bench.coordinator.registry.register(id, {})));
    await Promise.all(IDS.map((id) => bench.coordinator.trigger(id, { source: "manual" })));
    const sweeps = [1, 2, 3].map((n) => {
      const cycles = new Cycles(new Installation({ redis: bench.redis, prefix: bench.prefix }), {
        worker: `sweeper-${n}`,
      });
      return cycles.sweep(0, 60_000);
    });

    // Step by step in turn, so that their batches overlap.
    const found: string[] = [];
    for (let live = sweeps; live.length > 0; ) {
      const steps = await Promise.all(live.map(async (sweep) => ({ sweep, step: await sweep.next() })));
      for (const { step } of steps) if (!step.done) found.push(step.value.id);
      live = steps.filter(({ step }) => !step.done).map(({ sweep }) => sweep);
    }
    expect(found.sort()).toEqual([...IDS].sort());
  });

  test("were a workspace hinted twice all the same, one begins and the other finds it busy", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.trigger("w", { source: "manual" });
    const workers = [1, 2, 3].map(
      (n) => new Cycles(new Installation({ redis: bench.redis, prefix: bench.prefix }), { worker: `w${n}` }),
    );
    const twice = await Promise.all(
      workers.map(async (cycles) => {
        const due = [];
        for await (const { id } of cycles.sweep(0, 0)) due.push(id);
        return due;
      }),
    );
    expect(twice).toEqual([["w"], ["w"], ["w"]]);

    const begun = await Promise.all(workers.map((cycles) => cycles.begin("w")));
    expect(begun.map(({ kind }) => kind).sort()).toEqual(["begun", "busy", "busy"]);
    for (const reply of begun) if (reply.kind === "begun") await reply.lease.end({ outcome: "ok" });
  });
});
