import { HINT_JOB } from "@restart-coordinator/service";
import { Worker } from "bullmq";
import { describe, expect } from "vitest";
import { type Bench, test } from "./support/bench.ts";

describe("race: jobs removed, retried or promoted by hand", () => {
  test("a queue wiped with hints in it costs a sweep, and no restart", async ({ useBench }) => {
    const bench = useBench();
    await owe(bench, ["a", "b", "c"]);
    await bench.hinted(3);
    await bench.hints.queues[0]?.obliterate({ force: true });
    await bench.worker();
    for (const id of ["a", "b", "c"]) expect((await bench.settled(id)).lastCycle?.outcome).toBe("ok");
  });

  test("a job removed while its cycle runs leaves the cycle alone", async ({ useBench }) => {
    const bench = useBench();
    await bench.worker({ SIMULATED_DURATION_MS: "300" });
    await owe(bench, ["w"]);
    await bench.effect("w", "begin");
    await bench.hints.queues[0]?.obliterate({ force: true });
    expect((await bench.settled("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 1 });
    expect(await bench.effects("w")).toHaveLength(2);
  });

  test("a promoted hint finds the cycle not due, and another waits for the due time", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker({ RESTART_SWEEP_MS: "3600000" });
    await owe(bench, ["w"]);
    await bench.settled("w");
    await bench.noHints();
    await bench.coordinator.trigger("w", { source: "file-write" });
    const { dueAt } = await bench.state("w");
    const [hint] = await bench.delayedHints(1);
    await hint?.promote();

    const [next] = await bench.delayedHints(1, (job) => job.id !== hint?.id);
    expect(Math.abs((next?.timestamp ?? 0) + (next?.delay ?? 0) - (dueAt ?? 0))).toBeLessThan(5_000);
    expect(await bench.state("w")).toMatchObject({ phase: "scheduled", dueAt });
    expect(await bench.effects("w")).toHaveLength(2);
  });

  test("a failed hint retried by hand looks, finds nothing and is gone", async ({ useBench }) => {
    const bench = useBench();
    const [queue] = bench.hints.queues;
    await owe(bench, ["w"]);
    await bench.hinted(1);
    const hand = new Worker(queue?.name ?? "", undefined, {
      connection: bench.redis,
      prefix: queue?.opts.prefix ?? "",
    });
    hand.on("error", () => {});
    const job = await hand.getNextJob("by-hand");
    await job?.moveToFailed(new Error("by hand"), "by-hand");
    await hand.close();
    expect(await bench.failedJobs()).toBe(1);

    await bench.worker();
    await bench.settled("w");
    await (await queue?.getFailed())?.[0]?.retry();
    await bench.noHints();
    expect(await bench.failedJobs()).toBe(0);
    expect(await bench.effects("w")).toHaveLength(2);
  });

  test("a hint for a workspace nobody knows does nothing", async ({ useBench }) => {
    const bench = useBench();
    await bench.worker();
    await bench.hints.queues[0]?.add(HINT_JOB, { workspaceId: "nobody" }, { removeOnComplete: true });
    await bench.noHints();
    expect(await bench.failedJobs()).toBe(0);
    expect(await bench.ledger.entries()).toEqual([]);
  });
});

async function owe({ coordinator }: Bench, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await coordinator.registry.register(id, {});
    await coordinator.trigger(id, { source: "file-write" });
  }
}
