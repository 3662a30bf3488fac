import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import type { CycleLease } from "../src/cycles/cycle-lease.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { CycleStopAskedError, LeaseLostError } from "../src/errors.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();
const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));
let made = 0;

async function leaseOf(cycles: Cycles, workspaceId = `leased-${++made}`): Promise<CycleLease> {
  await coordinator.registry.register(workspaceId, {});
  await coordinator.trigger(workspaceId, { source: "manual" });
  const begun = await cycles.begin(workspaceId);
  if (begun.kind !== "begun") throw new Error(`expected to begin, got ${begun.kind}`);
  return begun.lease;
}

const cyclesWith = (leaseMs: number) =>
  new Cycles(new Installation({ redis: own.connect(), prefix: own.prefix, leaseMs }), { worker: "worker" });

function aborted({ signal }: CycleLease): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));
}

describe("a lease that is lost aborts its signal", () => {
  test("when Redis cannot be reached until it runs out", async () => {
    const redis = own.connect();
    const lease = await leaseOf(
      new Cycles(new Installation({ redis, prefix: own.prefix, leaseMs: 200 }), { worker: "cut off" }),
    );
    const loss = aborted(lease);
    redis.disconnect();
    expect(await loss).toBeInstanceOf(LeaseLostError);
    await expect(lease.record("{}")).rejects.toBeInstanceOf(LeaseLostError);
  });

  test("when its renewal finds that another worker holds it", async () => {
    const lease = await leaseOf(cyclesWith(300));
    const loss = aborted(lease);
    // As after a pause of the whole process: another one took the cycle over.
    const { leaseEndsAt, fencingToken } = lease.cycle;
    const { workspaceId: id } = lease;
    const choice = { otherwise: POLICIES.default, alternatives: [] };
    await coordinator.installation.transitions.begin({ id, owner: "other", choice, now: leaseEndsAt + 3_600_000 });
    expect(await loss).toBeInstanceOf(LeaseLostError);
    expect(await lease.end({ outcome: "ok" })).toEqual({ kind: "lost" });
    expect((await coordinator.workspace(id))?.restart.cycle).toMatchObject({ attempt: 2 });
    expect(await coordinator.installation.transitions.renew({ id, fencingToken })).toEqual({ kind: "lost" });
  });

  test("when its journal is refused: the side effect must not be made", async () => {
    const lease = await leaseOf(cyclesWith(60_000));
    await coordinator.registry.forget(lease.workspaceId, { actor: "ann" });
    await expect(lease.record("{}")).rejects.toBeInstanceOf(LeaseLostError);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
    await expect(lease.record("{}")).rejects.toBeInstanceOf(LeaseLostError);
  });
});

describe("a lease in time", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets the time pass that lies before the next renewal, and waits for its answer. */
  async function renewed(cycles: Cycles, ms: number): Promise<void> {
    const renew = vi.spyOn(cycles.installation.transitions, "renew");
    vi.advanceTimersByTime(ms);
    expect(renew).toHaveBeenCalledTimes(1);
    await Promise.allSettled(renew.mock.results.map(({ value }) => value as Promise<unknown>));
    // The lease's own continuation of the same answer.
    await new Promise((resolve) => setImmediate(resolve));
    renew.mockRestore();
  }

  test("is renewed every sixth of it, for as long as it takes", async () => {
    const cycles = cyclesWith(3_000);
    const lease = await leaseOf(cycles);
    for (let i = 0; i < 20; i += 1) await renewed(cycles, 500);
    expect(lease.signal.aborted).toBe(false);
    expect(await lease.end({ outcome: "ok" })).toMatchObject({ kind: "ended", what: "ok" });
  });

  test("is asked for again soon when a renewal fails, until its length after the last good one", async () => {
    const cycles = cyclesWith(3_000);
    const lease = await leaseOf(cycles);
    const renew = cycles.installation.transitions.renew.bind(cycles.installation.transitions);
    let broken = true;
    cycles.installation.transitions.renew = (call) => (broken ? Promise.reject(new Error("no answer")) : renew(call));
    await renewed(cycles, 500);
    await renewed(cycles, 250);
    broken = false;
    await renewed(cycles, 250);
    broken = true;
    await renewed(cycles, 500);
    for (let ms = 500; ms < 2_750; ms += 250) await renewed(cycles, 250);
    expect(lease.signal.aborted).toBe(false);
    vi.advanceTimersByTime(250);
    expect(lease.signal.aborted, "a lease's length after the last good answer was asked for").toBe(true);
  });

  test("learns from a renewal that it shall stop", async () => {
    const cycles = cyclesWith(3_000);
    const lease = await leaseOf(cycles);
    lease.safePoint();
    await coordinator.verbs.cancel(lease.workspaceId, { actor: "ann" });
    expect(lease.stopAsked).toBe(false);
    await renewed(cycles, 500);
    expect(lease.stopAsked).toBe(true);
    expect(() => lease.safePoint()).toThrow(CycleStopAskedError);
    expect(await lease.end({ outcome: "canceled" })).toMatchObject({ what: "canceled" });
  });

  test("learns from its journal that it shall stop", async () => {
    const lease = await leaseOf(cyclesWith(3_000));
    await coordinator.verbs.cancel(lease.workspaceId, { actor: "ann" });
    await lease.record('{"step":"STOPPING"}');
    expect(lease.stopAsked).toBe(true);
    await lease.end({ outcome: "canceled" });
  });

  test.each(["ended", "abandoned"])("renews no more once it is %s, and holds no timer", async (how) => {
    const cycles = cyclesWith(3_000);
    const lease = await leaseOf(cycles);
    const renew = vi.spyOn(cycles.installation.transitions, "renew");
    if (how === "ended") await lease.end({ outcome: "ok" });
    else lease.abandon();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(renew).not.toHaveBeenCalled();
    expect(lease.signal.aborted).toBe(false);
  });
});
