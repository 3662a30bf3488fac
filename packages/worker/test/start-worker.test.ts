import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ownPrefix, redisUrl } from "../../../tests/setup/shared-redis.ts";
import { type Cycle, startWorker, type Worker, type WorkerOptions, WrongInstallationError } from "../src/index.ts";
import { KettleProvisioner, Kitchen } from "./kettles.ts";

let redis: Redis;
let prefix: string;
let kitchen: Kitchen;
let restarts: RestartCoordinator;
const workers: Worker[] = [];

beforeAll(() => {
  redis = new Redis(redisUrl());
});
beforeEach(async () => {
  prefix = ownPrefix();
  kitchen = new Kitchen();
  restarts = new RestartCoordinator(new Installation({ redis, prefix, leaseMs: 1_000 }));
  await restarts.registry.register("mine", {});
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  const left = await redis.keys(`{${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
});
afterAll(() => redis.quit());

const manual = { source: "manual", reason: "asked" } as const;

async function worker(given: Partial<WorkerOptions> = {}): Promise<Worker> {
  const provisioner = new KettleProvisioner(kitchen);
  const started = await startWorker({ redis, prefix, provisioner, leaseMs: 1_000, lookEveryMs: 20, ...given });
  workers.push(started);
  return started;
}

async function lastCycle() {
  return (await restarts.workspace("mine"))?.restart.lastCycle;
}

/** A provisioner whose restarts wait for the test. */
class SlowProvisioner extends KettleProvisioner {
  readonly begun: Cycle[] = [];
  override restart(cycle: Cycle) {
    this.begun.push(cycle);
    return new Promise<never>((_, reject) => cycle.signal.addEventListener("abort", () => reject(cycle.signal.reason)));
  }
}

test("what is owed is restarted, and a stop and a removal are carried out", async () => {
  const removed: string[] = [];
  await worker({ removeFiles: async (id) => void removed.push(id) });
  await restarts.trigger("mine", manual);
  await expect.poll(lastCycle).toMatchObject({ outcome: "ok" });
  expect((await restarts.workspace("mine"))?.instance).toEqual({ kettle: "kettle 1" });
  await restarts.registry.desire("mine", "paused", { actor: "test" });
  await expect.poll(() => kitchen.kettles).toEqual([]);
  await restarts.registry.desire("mine", "removed", { actor: "test" });
  await expect.poll(() => restarts.workspace("mine")).toBeUndefined();
  expect(removed).toEqual(["mine"]);
});

test("several workers share what is due; each workspace is restarted once", async () => {
  await Promise.all([worker({ name: "one" }), worker({ name: "two" })]);
  const ids = Array.from({ length: 20 }, (_, n) => `many-${n}`);
  await Promise.all(ids.map((id) => restarts.registry.register(id, {})));
  await Promise.all(ids.map((id) => restarts.trigger(id, manual)));
  await expect.poll(() => kitchen.kettles.length).toBe(20);
  expect(new Set(kitchen.kettles.map(({ workspaceId }) => workspaceId))).toEqual(new Set(ids));
});

test("a worker that stops hands over what is under way, and another goes on at once", async () => {
  const slow = new SlowProvisioner(kitchen);
  const going = await worker({ provisioner: slow, graceMs: 0, leaseMs: 600_000 });
  await restarts.trigger("mine", manual);
  await vi.waitUntil(() => slow.begun.length === 1, { timeout: 10_000 });
  await going.stop();
  await worker({ leaseMs: 600_000 });
  await expect.poll(lastCycle).toMatchObject({ outcome: "ok", id: slow.begun[0]?.id });
  expect(kitchen.kettles).toHaveLength(1);
});

test("a hint is looked at without waiting for the next look", async () => {
  const patient = await worker({ lookEveryMs: 3_600_000 });
  const telling = new RestartCoordinator(new Installation({ redis, prefix }), { onDue: (hint) => patient.wake(hint) });
  await telling.trigger("mine", manual);
  await expect.poll(lastCycle).toMatchObject({ outcome: "ok" });
});

test("what a provisioner throws is told, and the worker goes on", async () => {
  const told: string[] = [];
  const log = { info() {}, warn: (_: object, message: string) => void told.push(message), error() {} };
  const broken = new KettleProvisioner(kitchen);
  broken.restart = () => Promise.reject("nonsense");
  await worker({ provisioner: broken, log });
  await restarts.trigger("mine", manual);
  await expect.poll(() => told).toContainEqual(expect.stringContaining("ended: retry"));
  await restarts.registry.desire("mine", "paused", { actor: "test" });
  await expect.poll(async () => (await restarts.workspace("mine"))?.restart.phase).toBe("idle");
});

test("a worker of another kind must not start", async () => {
  await worker();
  const other = new (class extends KettleProvisioner {
    override readonly name = "teapot";
  })(kitchen);
  await expect(worker({ provisioner: other })).rejects.toThrow(WrongInstallationError);
  await expect(worker({ provisioner: other })).rejects.toThrow(/"kettle".*"teapot"/);
  await expect(worker({ shards: 4 })).rejects.toThrow(/1 shards.*4.*`shards: 1`/);
});

test("an option that cannot be used is told by name", async () => {
  await expect(worker({ concurrency: 0 })).rejects.toThrow(
    "expected concurrency to be a whole number from 1 to 1000, got 0",
  );
  await expect(worker({ provisioner: {} as never })).rejects.toThrow("expected provisioner to be a provisioner");
  await expect(worker({ looksEveryMs: 1 } as never)).rejects.toThrow(/looksEveryMs/);
});
