import { describe, expect } from "vitest";
import type { LedgerEntry } from "../../apps/worker/src/provisioners/simulated-ledger.ts";
import { type Bench, test } from "../faults/support/bench.ts";
import { eventually } from "../faults/support/eventually.ts";
import { mostAtOnce } from "./ledger.ts";

const ids = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`);

async function askAll(bench: Bench, workspaces: readonly string[], tenant: string): Promise<void> {
  await Promise.all(workspaces.map((id) => bench.coordinator.registry.register(id, { tags: { tenant } })));
  await Promise.all(workspaces.map((id) => bench.coordinator.trigger(id, { source: "manual" })));
}

/** Resolves once every one of them was restarted. */
function restarted(bench: Bench, workspaces: readonly string[]): Promise<LedgerEntry[]> {
  return eventually(`${workspaces.length} workspaces have restarted`, async () => {
    const entries = await bench.ledger.entries();
    const done = new Set(entries.filter(({ effect }) => effect === "end").map(({ workspaceId }) => workspaceId));
    return workspaces.every((id) => done.has(id)) && entries;
  });
}

describe("with RESTART_MAX_RUNNING", () => {
  test("no more cycles run than that, over all workers and shards, and all come", async ({ useBench }) => {
    const bench = useBench({ shards: 2 });
    const capped = { RESTART_MAX_RUNNING: "3", SIMULATED_DURATION_MS: "30" };
    await Promise.all([bench.worker(capped), bench.worker(capped)]);
    const workspaces = ids("w", 60);
    await askAll(bench, workspaces, "t");
    const entries = await restarted(bench, workspaces);
    expect(mostAtOnce(entries)).toBeLessThanOrEqual(3);
    expect(mostAtOnce(entries)).toBeGreaterThan(1);
    expect(new Set(entries.map(({ cycleId, workspaceId }) => `${workspaceId} ${cycleId}`)).size).toBe(60);
  });

  test("a tenant with 1,000 due workspaces does not keep another's one waiting", async ({ useBench }) => {
    const bench = useBench();
    await askAll(bench, ids("noisy", 1_000), "noisy");
    // A cap above what the workers can run at a time: then it is they who choose.
    const capped = { RESTART_MAX_RUNNING: "100", CONCURRENCY: "2" };
    await Promise.all([bench.worker(capped), bench.worker(capped)]);
    await bench.noHints();
    const before = (await bench.ledger.entries()).length;
    await askAll(bench, ["quiet"], "quiet");
    const all = await restarted(bench, ["quiet"]);
    const position = all.findIndex(({ workspaceId }) => workspaceId === "quiet");
    const begun = all.slice(before, position).filter(({ effect }) => effect === "begin");
    expect(begun.length).toBeLessThan(50);
    const noisy = new Set(all.map(({ workspaceId }) => workspaceId));
    expect(noisy.size).toBeLessThan(900);
  });

  test("what a killed worker ran is finished by another, once its permit has run out", async ({ useBench }) => {
    const bench = useBench();
    const capped = { RESTART_MAX_RUNNING: "1", RESTART_LEASE_MS: "1000" };
    await bench.coordinator.registry.register("w", {});
    const victim = bench.workerProcess({ ...capped, FAULT_AT: "after effect begin" });
    await bench.coordinator.trigger("w", { source: "manual" });
    expect(await victim.ended).toBe("SIGKILL");
    await askAll(bench, ["other"], "t");
    await bench.worker(capped);
    const entries = await restarted(bench, ["w", "other"]);
    expect(new Set(entries.map(({ workspaceId, cycleId }) => `${workspaceId} ${cycleId}`)).size).toBe(2);
  });

  test("a worker that goes down leaves its turns to the others", async ({ useBench }) => {
    const bench = useBench();
    const capped = { RESTART_MAX_RUNNING: "2", SIMULATED_DURATION_MS: "50" };
    const first = await bench.worker(capped);
    const workspaces = ids("w", 20);
    await askAll(bench, workspaces, "t");
    await eventually("some have restarted", async () => (await bench.ledger.entries()).length > 4);
    await first.stop();
    await bench.worker(capped);
    expect(mostAtOnce(await restarted(bench, workspaces))).toBeLessThanOrEqual(2);
  });
});

test("without it, nothing is kept for the fleet", async ({ useBench }) => {
  const bench = useBench();
  await bench.worker();
  await askAll(bench, ids("w", 5), "t");
  await restarted(bench, ids("w", 5));
  expect(await bench.redis.keys(`{${bench.prefix}:fleet}*`)).toEqual([]);
});
