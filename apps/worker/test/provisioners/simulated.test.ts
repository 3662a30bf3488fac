import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ownPrefix, redisUrl } from "../../../../tests/setup/shared-redis.ts";
import type { Cycle } from "../../src/provisioners/provisioner.ts";
import { type Ledger, MemoryLedger, RedisLedger, SimulatedProvisioner } from "../../src/provisioners/simulated.ts";
import { testCycle } from "./test-cycle.ts";

const workspace = { id: "w1", spec: {}, instance: undefined };

const cycle = (id: string, fencingToken: number, given: Partial<Cycle> = {}) =>
  testCycle({ id, fencingToken, ...given });

describe.each(["memory", "redis"])("the ledger in %s", (kind) => {
  let redis: Redis | undefined;
  let ledger: Ledger;
  beforeAll(() => {
    if (kind === "redis") redis = new Redis(redisUrl());
  });
  beforeEach(() => {
    ledger = redis ? new RedisLedger(redis, ownPrefix()) : new MemoryLedger();
  });
  afterEach(async () => {
    if (ledger instanceof RedisLedger) await ledger.clear();
  });
  afterAll(() => redis?.quit());

  const actor = (fencingToken: number, workspaceId = "w1") => ({
    workspaceId,
    cycleId: "c1",
    attempt: 1,
    fencingToken,
  });

  it("keeps every effect in order, with its time", async () => {
    const before = Date.now();
    for (const effect of ["begin", "end", "stop"] as const) await ledger.apply(effect, actor(1_760_000_000_001));
    const entries = await ledger.entries();
    expect(entries.map(({ effect }) => effect)).toEqual(["begin", "end", "stop"]);
    const { at, ...rest } = entries[0] ?? { at: 0 };
    expect(rest).toEqual({ ...actor(1_760_000_000_001), effect: "begin" });
    expect(Math.abs(at - before)).toBeLessThan(10_000);
    expect(await ledger.lastEffect("w1")).toBe("stop");
    expect(await ledger.lastEffect("w2")).toBeUndefined();
  });

  it("refuses a token below the highest of the same workspace, and logs that apart", async () => {
    expect(await ledger.apply("begin", actor(1_760_000_000_001))).toBe("applied");
    expect(await ledger.apply("end", actor(1_760_000_000_000))).toBe("refused");
    expect(await ledger.apply("end", actor(1, "w2"))).toBe("applied");
    expect(await ledger.apply("end", actor(1_760_000_000_001))).toBe("applied");
    expect((await ledger.entries()).map(({ effect }) => effect)).toEqual(["begin", "end", "end"]);
    expect(await ledger.refusals()).toMatchObject([{ ...actor(1_760_000_000_000), effect: "refused" }]);
  });

  it("has a claim shut out older tokens without an effect of its own", async () => {
    await ledger.apply("begin", actor(1));
    await ledger.apply("claim", actor(2));
    expect(await ledger.apply("end", actor(1))).toBe("refused");
    expect(await ledger.entries()).toHaveLength(1);
  });

  it("writes down a restart, and a stop", async () => {
    const provisioner = new SimulatedProvisioner({ ledger, durationMs: 1 });
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "offline" });
    await provisioner.restart(cycle("c1", 1));
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "online" });
    await provisioner.stop(cycle("c2", 2));
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "offline" });
    expect((await ledger.entries()).map(({ effect }) => effect)).toEqual(["begin", "end", "stop"]);
  });
});

describe("the simulated provisioner", () => {
  it("takes as long as it is told, and a workspace's spec overrides that", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 60_000 });
    const begun = performance.now();
    await provisioner.restart(cycle("c1", 1, { workspace: { ...workspace, spec: { durationMs: [40, 60] } } }));
    expect(performance.now() - begun).toBeGreaterThan(35);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it("ends its wait at once with the signal's reason, and has no end in the ledger", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 60_000 });
    const lease = new AbortController();
    const reason = new Error("lease lost");
    const step = () => lease.abort(reason);
    await expect(provisioner.restart(cycle("c1", 1, { signal: lease.signal, step }))).rejects.toBe(reason);
    expect((await provisioner.ledger.entries()).map(({ effect }) => effect)).toEqual(["begin"]);
  });

  it("hangs until it is aborted, where it should", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 0, hangRate: 1 });
    const lease = new AbortController();
    const step = (name: string) => name === "hanging" && setImmediate(() => lease.abort(new Error("enough")));
    await expect(provisioner.restart(cycle("c1", 1, { signal: lease.signal, step }))).rejects.toThrow("enough");
  });

  it("resumes without a second begin, and shuts out the attempt it took over from", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 0 });
    const lost = cycle("c1", 1, {
      step: () => {
        throw new Error("the worker died");
      },
    });
    await expect(provisioner.restart(lost)).rejects.toThrow("the worker died");
    const takeover = cycle("c1", 2, { attempt: 2, journal: lost.journals.at(-1) });
    await provisioner.restart(takeover);
    const effects = (await provisioner.ledger.entries()).map(({ effect, attempt }) => [effect, attempt]);
    expect(effects).toEqual([
      ["begin", 1],
      ["end", 2],
    ]);
    await expect(provisioner.restart({ ...lost, step: () => {}, journal: lost.journals.at(-1) })).rejects.toMatchObject(
      {
        retryable: true,
      },
    );
    expect(await provisioner.ledger.refusals()).toHaveLength(1);
  });

  it("makes no effect whose journal could not be written", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 0 });
    const record = () => Promise.reject(new Error("lease lost"));
    await expect(provisioner.restart(cycle("c1", 1, { record }))).rejects.toThrow("lease lost");
    expect(await provisioner.ledger.entries()).toEqual([]);
  });

  it("fails, retryable or permanently, after which the next attempt begins again", async () => {
    const provisioner = new SimulatedProvisioner({ durationMs: 0 });
    const faulty = (spec: Record<string, unknown>) => ({ workspace: { ...workspace, spec } });
    const failed = cycle("c1", 1, faulty({ failRate: 1 }));
    await expect(provisioner.restart(failed)).rejects.toMatchObject({ retryable: true });
    const permanent = cycle("c1", 2, faulty({ permanentRate: 1 }));
    await expect(provisioner.restart(permanent)).rejects.toMatchObject({ retryable: false });
    await provisioner.restart(cycle("c1", 3, { journal: failed.journals.at(-1) }));
    expect((await provisioner.ledger.entries()).map(({ effect }) => effect)).toEqual([
      "begin",
      "begin",
      "begin",
      "end",
    ]);
  });

  it("draws the same with the same seed, whatever the other workspaces do", async () => {
    const answers = async (interleave: boolean) => {
      const provisioner = new SimulatedProvisioner({ declineRate: 0.5, seed: 7 });
      const drawn: boolean[] = [];
      for (let n = 0; n < 32; n++) {
        if (interleave) await provisioner.preflight(cycle("c", 1, { workspace: { ...workspace, id: "w2" } }));
        drawn.push((await provisioner.preflight(cycle("c", 1))).ok);
      }
      return drawn;
    };
    const drawn = await answers(false);
    expect(await answers(true)).toEqual(drawn);
    expect(new Set(drawn).size).toBe(2);
  });

  it("names a bad option", async () => {
    expect(() => new SimulatedProvisioner({ failRate: 2 })).toThrow(/defaults.failRate/);
    expect(() => new SimulatedProvisioner({ durationMs: [2, 1] })).toThrow(/defaults.durationMs/);
    const bad = cycle("c1", 1, { workspace: { ...workspace, spec: { failRates: 1 } } });
    const failure = await new SimulatedProvisioner().restart(bad).catch((error) => error);
    expect(failure).toMatchObject({ retryable: false, message: expect.stringContaining("failRates") });
  });
});
