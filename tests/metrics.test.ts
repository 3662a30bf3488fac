/** What both processes really expose, held against docs/metrics.md, and whether it is true. */
import { expect } from "vitest";
import { type Bench, test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";
import { documentedMetrics, type Scrape, scrape } from "./support/metrics.ts";

const TOKEN = "metrics-test-0123456789";
const METRICS_TOKEN = "worker-test-0123456789";

/** An API and a worker of their own, and where they are. */
async function processes(bench: Bench) {
  const api = bench.apiProcess({ API_TOKENS: `tester:admin:${TOKEN}` });
  const worker = bench.workerProcess({ METRICS_PORT: "0", METRICS_TOKEN });
  const apiUrl = String((await api.logged(/^listening on/)).url);
  const workerUrl = String((await worker.logged(/^health and metrics on/)).url);
  await worker.logged(/takes restarts$/);
  const ask = async (method: string, path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const response = await fetch(apiUrl + path, { method, headers, body: JSON.stringify(body) });
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    ask,
    worker,
    workerUrl,
    scrapeApi: () => scrape(apiUrl, TOKEN),
    scrapeWorker: () => scrape(workerUrl, METRICS_TOKEN),
  };
}

const DOCUMENTED = documentedMetrics();

function expectAsDocumented(found: Scrape, process: "API" | "worker"): void {
  const expected = DOCUMENTED.filter(({ by }) => by === "both" || by === process);
  const types = expected.map(({ name, type }) => `${name} ${type}`);
  expect([...found.types].map(([name, type]) => `${name} ${type}`).sort()).toEqual(types.sort());
  for (const { name, labels } of expected) {
    // Nothing goes through a handle, or to EC2, when a test looks.
    if (found.of(name).length > 0) expect(found.labelsOf(name), name).toEqual([...labels].sort());
  }
}

test("both processes expose what is documented, and no other, and it is true", async ({ useBench }) => {
  const bench = useBench({ cooldownMs: 0 });
  const { ask, scrapeApi, scrapeWorker } = await processes(bench);
  // A series that begins with what was to be counted shows no increase.
  const untouched = await scrapeApi();
  expect(untouched.value("restart_triggers_total", { source: "file-write", rule: "held" })).toBe(0);
  expect(untouched.value("restart_redis_round_trip_seconds_count", { script: "trigger" })).toBe(0);
  await ask("PUT", "/workspaces/one", { spec: { failRate: 0 } });
  await ask("PUT", "/workspaces/idle", {});
  await ask("POST", "/workspaces/one/hold", {});
  const herd = Array.from({ length: 20 }, () => ask("POST", "/workspaces/one/triggers", { source: "file-write" }));
  await Promise.all(herd);
  expect((await ask("POST", "/workspaces/one/triggers", { source: "made-up" })).status).toBe(400);
  expect((await ask("POST", "/workspaces/nobody/triggers", { source: "startup" })).status).toBe(404);
  expect((await scrapeWorker()).value("restart_workspaces", { phase: "held" })).toBe(1);
  await ask("POST", "/workspaces/one/release", {});
  await ask("POST", "/workspaces/one/flush", {});
  await bench.settled("one");
  // The worker counts once Redis has told it.
  const worked = await eventually("the worker has counted its cycle", async () => {
    const found = await scrapeWorker();
    return found.value("restart_cycles_total", { outcome: "ok" }) === 1 && found;
  });
  const asked = await scrapeApi();
  expectAsDocumented(asked, "API");
  expectAsDocumented(worked, "worker");

  const decided = asked.of("restart_triggers_total").filter(({ value }) => value > 0);
  expect(decided.map(({ labels, value }) => [...Object.values(labels), value]).sort()).toEqual([
    ["file-write", "coalesced", "held", 20],
    ["startup", "refused", "removed", 1],
  ]);
  for (const found of [asked, worked]) {
    expect(found.value("restart_redis_up")).toBe(1);
    expect(found.value("restart_workspaces", { phase: "idle" })).toBe(2);
    expect(found.value("restart_workspaces", { phase: "running" })).toBe(0);
    expect(found.value("restart_oldest_due_age_seconds")).toBe(0);
    expect(found.value("restart_queue_jobs", { state: "failed" })).toBe(0);
  }
  expect(asked.value("restart_redis_round_trip_seconds_count", { script: "trigger" })).toBeLessThan(22);
  expect(asked.value("restart_cycles_total", { outcome: "superseded" })).toBe(0);
  expect(worked.value("restart_attempts_total", { result: "ok" })).toBe(1);
  expect(worked.value("restart_triggers_per_cycle_sum")).toBe(20);
  expect(worked.value("restart_trigger_to_start_seconds_count")).toBe(1);
  expect(worked.value("restart_cycle_duration_seconds_count")).toBe(1);
  expect(worked.value("restart_cycle_duration_seconds_sum")).toBeGreaterThan(0.01);
  expect(worked.value("restart_leases_lost_total")).toBe(0);
});

test("failed attempts, lost leases and lost hints are counted", async ({ useBench }) => {
  const bench = useBench({ cooldownMs: 0, hints: false });
  const failing = await bench.coordinator.registry.register("failing", { spec: { permanentRate: 1 } });
  expect(failing.kind).toBe("created");
  await bench.coordinator.registry.register("forgotten", { spec: { durationMs: 60_000 } });
  const worker = bench.workerProcess({ METRICS_PORT: "0", RESTART_LEASE_MS: "600" });
  const url = String((await worker.logged(/^health and metrics on/)).url);
  await bench.coordinator.trigger("failing", { source: "manual" });
  await bench.coordinator.trigger("forgotten", { source: "manual" });
  await eventually("both have begun", async () => {
    return (await scrape(url)).value("restart_trigger_to_start_seconds_count") === 2;
  });
  await bench.coordinator.registry.forget("forgotten", { actor: "tester" });
  const found = await eventually("both have ended", async () => {
    const now = await scrape(url);
    return (
      now.value("restart_leases_lost_total") === 1 &&
      now.value("restart_cycles_total", { outcome: "failed" }) === 1 &&
      now
    );
  });
  expect(found.value("restart_attempts_total", { result: "failed" })).toBe(1);
  expect(found.value("restart_attempts_total", { result: "lost" })).toBe(1);
  expect(found.value("restart_fencing_rejections_total")).toBeGreaterThanOrEqual(1);
  expect(found.value("restart_sweep_hints_total")).toBeGreaterThanOrEqual(2);
  expect(found.value("restart_workspaces", { phase: "failed" })).toBe(1);
});

test("who waits for a turn is told apart from who is not taken", async ({ useBench }) => {
  const bench = useBench({ cooldownMs: 0 });
  const worker = bench.workerProcess({
    ...{ METRICS_PORT: "0", RESTART_MAX_RUNNING: "1", SIMULATED_DURATION_MS: "60000", SHUTDOWN_GRACE_MS: "0" },
    // It would find what is put there by hand below.
    RESTART_SWEEP_MS: "60000",
  });
  const url = String((await worker.logged(/^health and metrics on/)).url);
  await worker.logged(/takes restarts$/);
  expect((await scrape(url)).value("restart_turns", { state: "waiting" })).toBe(0);
  for (const id of ["a", "b", "c"]) {
    await bench.coordinator.registry.register(id, {});
    await bench.coordinator.trigger(id, { source: "manual" });
  }
  await eventually("one runs, and two wait", async () => {
    const now = await scrape(url);
    const [running, waiting] = ["running", "waiting"].map((state) => now.value("restart_turns", { state }));
    return running === 1 && waiting === 2;
  });
  const longDue = async () => (await bench.coordinator.census()).oldestDueAgeMs > 1_000;
  await eventually("they have been due for a second", longDue);
  expect((await scrape(url)).value("restart_oldest_due_age_seconds")).toBe(0);

  // Lost by the turns, as after a failover: until somebody looks for it, it is one that nobody takes.
  const { keys } = bench.coordinator.installation;
  await bench.redis.zadd(keys.forShard("due", 0), Date.now() - 60_000, "not-registered");
  expect((await scrape(url)).value("restart_oldest_due_age_seconds")).toBeGreaterThanOrEqual(59);
});

test("a worker is ready while it reaches Redis, and answers scrapes in any case", async ({ useBench, useServer }) => {
  const server = await useServer();
  const worker = useBench({ url: server.url }).workerProcess({ METRICS_PORT: "0" });
  const url = String((await worker.logged(/^health and metrics on/)).url);
  const status = async (path: string) => (await fetch(url + path)).status;
  await eventually("it is ready", async () => (await status("/readyz")) === 200);
  expect((await scrape(url)).value("restart_redis_up")).toBe(1);

  await server.stop();
  await eventually("it is not ready", async () => (await status("/readyz")) === 503);
  expect(await status("/healthz")).toBe(200);
  const found = await scrape(url);
  expect(found.value("restart_redis_up")).toBe(0);
  // Nobody knows: a number would be a lie.
  for (const name of ["restart_workspaces", "restart_oldest_due_age_seconds", "restart_queue_jobs", "restart_turns"]) {
    expect(found.of(name), name).toEqual([]);
  }
});
