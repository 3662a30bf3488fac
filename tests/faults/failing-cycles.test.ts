import { CoordinatorUnavailableError, Cycles, type Hint, Installation, POLICIES } from "@restart-coordinator/debounce";
import { createLogger, WorkerMetrics } from "@restart-coordinator/service";
import { describe, expect } from "vitest";
import { Drainer } from "../../apps/worker/src/drainer.ts";
import { type Provisioner, ProvisionerError } from "../../apps/worker/src/provisioners/provisioner.ts";
import { type Bench, test } from "./support/bench.ts";
import { eventually } from "./support/eventually.ts";

const circular: { self?: unknown } = {};
circular.self = circular;
const BROKEN: readonly [how: string, restart: Provisioner["restart"]][] = [
  ["throws", () => Promise.reject(new Error("no such image"))],
  [
    "throws at once instead of rejecting",
    () => {
      throw new Error("not even a promise");
    },
  ],
  ["rejects with a string", () => Promise.reject("broken")],
  ["rejects with nothing", () => Promise.reject()],
  ["rejects with a circular object", () => Promise.reject(circular)],
  ["rejects with a number no JSON knows", () => Promise.reject(10n)],
  ["rejects with an error whose message is no text", () => Promise.reject(Object.assign(new Error(), { message: {} }))],
  ["rejects with an error that cannot be read", () => Promise.reject(unreadable())],
  ["resolves with nothing", () => Promise.resolve(undefined as never)],
  ["hangs past its deadline, deaf to the signal", () => new Promise<never>(() => {})],
  [
    "hangs past its deadline, until the signal",
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  ],
];

describe.concurrent("cycles that fail", () => {
  test.for(BROKEN)("a provisioner that %s leaves the workspace restartable", async ([, restart], { useBench }) => {
    const bench = useBench({ hints: false });
    const { look, hints } = await workerWith(bench, restart);
    await bench.coordinator.trigger("w", { source: "file-write" });
    await look();

    const failed = await bench.state("w");
    expect(failed).toMatchObject({ phase: "backoff", failures: 1, breakerOpen: false });
    const [failure] = await bench.events("w", "WORKSPACE_RESTART_FAILED");
    expect(failure?.payload.error).toEqual(expect.stringMatching(/./));
    // It looks again only when the backoff ends.
    expect(hints).toMatchObject([{ dueAt: failed.dueAt }]);

    const { look: lookAgain } = await workerWith(bench, async () => ({ instance: {} }));
    await bench.coordinator.trigger("w", { source: "manual" });
    await lookAgain();
    expect(await bench.state("w")).toMatchObject({ phase: "idle", failures: 0, lastCycle: { outcome: "ok" } });
  });

  test("a workspace that always fails is tried less and less often, then not at all, by any worker", async ({
    useBench,
  }) => {
    const bench = useBench({ hints: false });
    const retry = { backoffMs: 100, maxBackoffMs: 400, breakerAfter: 5 };
    const { look } = await workerWith(bench, () => Promise.reject(new Error("always")), retry);
    await bench.coordinator.trigger("w", { source: "file-write" });
    // A worker that does nothing but look, as sweeps and duplicate hints would make it.
    await eventually("the breaker opens", async () => {
      await look();
      return (await bench.state("w")).breakerOpen;
    });

    const failures = await bench.events("w", "WORKSPACE_RESTART_FAILED");
    expect(failures).toHaveLength(5);
    const gaps = failures.slice(1).map(({ timestamp }, i) => timestamp - (failures[i]?.timestamp ?? 0));
    for (const [i, least] of [50, 100, 200, 200].entries()) expect(gaps[i]).toBeGreaterThanOrEqual(least);
    expect(await bench.state("w")).toMatchObject({ phase: "failed", breakerOpen: true, dueAt: undefined });
    await look();
    expect(await bench.events("w", "WORKSPACE_RESTART_FAILED")).toHaveLength(5);

    const { look: lookAgain } = await workerWith(bench, async () => ({ instance: {} }), retry);
    await bench.coordinator.trigger("w", { source: "manual" });
    await lookAgain();
    expect(await bench.state("w")).toMatchObject({ phase: "idle", breakerOpen: false });
  });

  test("a permanent error opens the breaker at once", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    const { look } = await workerWith(bench, () => Promise.reject(new ProvisionerError("no", { retryable: false })));
    await bench.coordinator.trigger("w", { source: "file-write" });
    await look();
    expect(await bench.state("w")).toMatchObject({ phase: "failed", failures: 1 });
  });

  test("an instance that cannot be written down is a permanent error, not a cycle that never ends", async ({
    useBench,
  }) => {
    const bench = useBench({ hints: false });
    const { look } = await workerWith(bench, async () => ({ instance: circular as never }));
    await bench.coordinator.trigger("w", { source: "file-write" });
    await look();
    const { lastCycle, phase } = await bench.state("w");
    expect(phase).toBe("failed");
    expect(lastCycle?.error).toMatch(/cannot be written as JSON/);
  });

  test("what a failed cycle recorded is not resumed by the new cycle of a person's request", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    const { look } = await workerWith(bench, async (cycle) => {
      await cycle.record({ step: "STARTING" });
      throw new Error("half done");
    });
    await bench.coordinator.trigger("w", { source: "file-write" });
    await look();
    const journals: unknown[] = [];
    const { look: lookAgain } = await workerWith(bench, async ({ journal }) => {
      journals.push(journal);
      return { instance: {} };
    });
    await bench.coordinator.trigger("w", { source: "manual" });
    await lookAgain();
    expect(journals).toEqual([undefined]);
  });

  test("Redis refusing a step is no failure of the workspace: the same cycle goes on", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    let refusals = 0;
    const { look } = await workerWith(bench, async ({ attempt }) => {
      if (attempt > 1) return { instance: {} };
      refusals += 1;
      throw new CoordinatorUnavailableError(new Error("READONLY You can't write against a read only replica."));
    });
    await bench.coordinator.trigger("w", { source: "manual" });
    await look();
    expect(refusals).toBe(1);
    expect((await bench.state("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 2 });
    expect(await bench.events("w", "WORKSPACE_RESTART_FAILED")).toEqual([]);
  });

  test("an attempt that follows one which touched nothing asks the pre-flight first", async ({ useBench }) => {
    const bench = useBench({ hints: false });
    const asked: number[] = [];
    const { look, cycles } = await workerWith(
      bench,
      async () => ({ instance: {} }),
      undefined,
      () => asked.push(1),
    );
    await bench.coordinator.trigger("w", { source: "manual" });
    const begun = await cycles.begin("w");
    if (begun.kind === "begun") await begun.lease.end({ outcome: "handover" });
    await look();
    expect(asked).toHaveLength(1);
    expect((await bench.state("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 2 });
  });
});

/** The worker's own loop around a provisioner; `look` is what a hint makes it do. */
async function workerWith(
  bench: Bench,
  restart: Provisioner["restart"],
  retry = { backoffMs: 60_000, maxBackoffMs: 60_000, breakerAfter: 5 },
  onPreflight = () => {},
) {
  await bench.coordinator.registry.register("w", {});
  const hints: Hint[] = [];
  const cycles = new Cycles(
    new Installation({
      redis: bench.redis,
      prefix: bench.prefix,
      policy: { ...POLICIES.default, cooldownMs: 0, retry },
    }),
    { worker: "test" },
  );
  const drainer = new Drainer({
    metrics: new WorkerMetrics(),
    cycles,
    provisioner: {
      name: "broken",
      restart,
      stop: async () => {},
      status: async () => ({ seen: "offline", detail: "it is broken" }),
      preflight: async () => {
        onPreflight();
        return { ok: true };
      },
    },
    deadlineMs: 2_000,
    graceMs: 0,
    removeFiles: async () => {},
    wake: async (hint) => void hints.push(hint),
    deleteTraces: async () => {},
    passed: (_workspaceId, from, to) => to - from,
    logger: createLogger("test", "silent"),
  });
  return { look: () => drainer.drain("w"), hints, cycles };
}

function unreadable(): Error {
  return Object.defineProperty(new Error("x"), "message", {
    get() {
      throw new Error("unreadable");
    },
  });
}
