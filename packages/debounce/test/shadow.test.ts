import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES, type Policy } from "../src/policy/policy.ts";
import { Shadow } from "../src/shadow/shadow.ts";
import { advanceRecord, beginRecord, observeTrigger, type ShadowRecord } from "../src/shadow/shadow-record.ts";
import { replay } from "../src/simulation/replay.ts";
import { VirtualWorkspace } from "../src/simulation/virtual-workspace.ts";
import type { JudgedTriggers } from "../src/transitions/observer.ts";
import { useRedis } from "./support/redis.ts";
import { readTrace } from "./support/trace.ts";

const own = useRedis();
const active = { decision: "fired", rule: "window" } as const;
const CYCLE_MS = 30_000;

async function observed(policy: Policy, trace: string): Promise<ShadowRecord> {
  let record = beginRecord("r", 0);
  for (const { atMs, source } of readTrace(trace)) {
    // As Redis keeps it in between.
    const kept = JSON.parse(JSON.stringify(record)) as ShadowRecord;
    ({ record } = await observeTrigger(kept, { source, at: atMs, active, duringCycle: false }, policy, CYCLE_MS));
  }
  return advanceRecord(record, 10_000_000, policy, CYCLE_MS);
}

describe.each(["default", "seed", "settle"] as const)("under %s the record of a trace", (profile) => {
  test.each(["canvas-save", "secrets-and-probes", "edit-wait-edit"])("%s says what a replay says", async (trace) => {
    const policy = POLICIES[profile];
    const expected = await replay(new VirtualWorkspace(policy), readTrace(trace), CYCLE_MS);
    const { starts, days, virtual } = await observed(policy, trace);
    expect(starts).toEqual(expected.cycles);
    const day = days["0"];
    expect(day?.triggers).toBe(expected.verdicts.length);
    expect(day?.shadow.cycles).toBe(expected.cycles.length);
    const count = (decision: string) => expected.verdicts.filter((verdict) => verdict.decision === decision).length;
    const sum = (decision: string) =>
      Object.entries(day?.shadow.decisions ?? {})
        .filter(([made]) => made.startsWith(`${decision}/`))
        .reduce((total, [, times]) => total + times, 0);
    for (const decision of ["fired", "coalesced", "dropped"]) expect(sum(decision)).toBe(count(decision));
    expect(virtual.owed).toBeUndefined();
  });
});

test("a record stays small, whatever comes", async () => {
  let record = beginRecord("r", 0);
  for (let n = 0; n < 2_000; n += 1) {
    const trigger = { source: "file-write", at: n * 3_600_000, active, duringCycle: false };
    ({ record } = await observeTrigger(record, trigger, POLICIES.default, CYCLE_MS));
  }
  expect(Object.keys(record.days).length).toBeLessThanOrEqual(7);
  expect(JSON.stringify(record).length).toBeLessThan(6_000);
});

/** A coordinator under `seed` with a shadow under `settle`. */
function shadowed(revision = "one", redis = own.redis) {
  const compared: string[] = [];
  const provider = { policies: { common: POLICIES.settle, overrides: [] }, revision };
  const coordinator: RestartCoordinator = new RestartCoordinator(
    new Installation({
      ...{ redis, prefix: own.prefix, policy: POLICIES.seed },
      observer: { judged: (judged) => shadow.observe(judged) },
    }),
  );
  const shadow: Shadow = new Shadow(coordinator.installation, {
    policies: provider,
    onCompared: (one) => compared.push(`${one.source}: ${one.active}, ${one.shadow}`),
    onSkipped: (count) => compared.push(`skipped ${count}`),
  });
  return { coordinator, shadow, compared };
}

describe("beside the active policy", () => {
  test("it tells the difference and counts real cycles, and acts on nothing", async () => {
    const { coordinator, shadow, compared } = shadowed();
    await coordinator.registry.register("w", {});
    await coordinator.trigger("w", { source: "file-write" });
    const cycles = new Cycles(new Installation({ redis: own.redis, prefix: own.prefix, policy: POLICIES.seed }), {
      worker: "test",
    });
    const begun = await cycles.begin("w");
    if (begun.kind !== "begun") throw new Error(`expected a cycle, got ${begun.kind}`);
    await begun.lease.end({ outcome: "ok" });
    const before = await coordinator.workspace("w");
    await coordinator.trigger("w", { source: "file-write" });
    await coordinator.trigger("w", { source: "a2a-preflight" });
    await shadow.settled();
    expect(compared).toEqual([
      "file-write: fired, coalesced",
      "file-write: dropped, coalesced",
      "a2a-preflight: dropped, fired",
    ]);
    const { record, realCycles, since } = await shadow.report("w");
    expect(Object.values(realCycles)).toEqual([1]);
    expect(Object.values(record?.days ?? {})[0]).toMatchObject({ triggers: 3, differing: 3, shadow: { cycles: 1 } });
    expect(since).toBeLessThanOrEqual(record?.lastAt ?? 0);
    expect((await coordinator.workspace("w"))?.restart.generation).toBe(before?.restart.generation);
  });

  test("replicas that judge at once lose none of each other's triggers", async () => {
    const replicas = Array.from({ length: 4 }, () => shadowed("one", own.connect()));
    await replicas[0]?.coordinator.registry.register("herd", {});
    const herd = replicas.flatMap(({ coordinator }) =>
      ["file-write", "secret-change", "plugin-change"].map((source) => coordinator.trigger("herd", { source })),
    );
    await Promise.all(herd);
    await Promise.all(replicas.map(({ shadow }) => shadow.settled()));
    const skipped = replicas.flatMap(({ compared }) => compared).filter((told) => told.startsWith("skipped"));
    expect(skipped).toEqual([]);
    const { record } = (await replicas[0]?.shadow.report("herd")) ?? {};
    expect(Object.values(record?.days ?? {}).reduce((sum, { triggers }) => sum + triggers, 0)).toBe(12);
  });

  test("another shadow policy begins anew", async () => {
    const first = shadowed("one");
    await first.coordinator.registry.register("changed", {});
    await first.coordinator.trigger("changed", { source: "file-write" });
    await first.shadow.settled();
    const second = shadowed("two");
    expect((await second.shadow.report("changed")).record).toBeUndefined();
    await second.coordinator.trigger("changed", { source: "file-write" });
    await second.shadow.settled();
    const { record } = await second.shadow.report("changed");
    expect(Object.values(record?.days ?? {})[0]?.triggers).toBe(1);
  });

  test("nothing is kept of a workspace that is gone, nor of one that nobody registered", async () => {
    const { coordinator, shadow } = shadowed();
    await coordinator.registry.register("gone", {});
    await coordinator.trigger("gone", { source: "file-write" });
    await shadow.settled();
    expect((await own.allKeys()).filter((key) => key.includes("shadow:gone"))).toHaveLength(1);
    expect(await own.redis.pttl(own.keys.forWorkspace("shadow", "gone"))).toBeGreaterThan(0);
    await coordinator.registry.forget("gone", { actor: "test" });
    const late = { workspaceId: "gone", source: "file-write", count: 1, at: 1, duringCycle: false } as const;
    shadow.observe({ ...late, first: active, rest: active } satisfies JudgedTriggers);
    await shadow.settled();
    expect((await own.allKeys()).filter((key) => key.endsWith(":gone"))).toEqual([]);
  });

  test("what comes faster than it can be compared is left out and told", async () => {
    const { shadow, compared } = shadowed();
    const judged = { workspaceId: "flood", source: "manual", at: 1, duringCycle: false, first: active, rest: active };
    for (let n = 0; n < 5; n += 1) shadow.observe({ ...judged, count: 1_000 });
    expect(compared).toEqual(["skipped 1000", "skipped 1000", "skipped 1000"]);
    await shadow.settled();
  });
});
