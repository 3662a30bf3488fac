import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createKeySpace } from "../src/keys.ts";
import { POLICIES, PROFILES, type Profile } from "../src/policy/policy.ts";
import { type Replayed, replay } from "../src/simulation/replay.ts";
import { type Machine, VirtualWorkspace } from "../src/simulation/virtual-workspace.ts";
import { Transitions } from "../src/transitions/transitions.ts";
import { ScriptsMachine } from "./support/scripts-machine.ts";
import { readTrace } from "./support/trace.ts";

const CYCLE_MS = 30_000;
const redis = new Redis(inject("redisUrl"));
const prefix = `test-${randomBytes(6).toString("hex")}`;
const keys = createKeySpace(prefix, 1);
let transitions: Transitions;

beforeAll(() => {
  transitions = new Transitions(redis, keys, { leaseMs: 3_600_000, activityTtlMs: 60_000 });
});
afterAll(async () => {
  const own = await redis.keys(`{${prefix}:*`);
  if (own.length > 0) await redis.del(...own);
  await redis.quit();
});

const implementations: Record<string, (profile: Profile, id: string) => Promise<Machine>> = {
  "the pure policy": async (profile) => new VirtualWorkspace(POLICIES[profile]),
  "the scripts in Redis": (profile, id) => new ScriptsMachine(transitions, POLICIES[profile], id).register(),
};

const FIGURES: Record<string, Record<Profile, Pick<Replayed, "cycles" | "duringCycle"> & { uncovered: number }>> = {
  "canvas-save": {
    seed: { cycles: [0, 66_900], uncovered: 1, duringCycle: 10 },
    default: { cycles: [0, 86_400], uncovered: 0, duringCycle: 9 },
    settle: { cycles: [86_400], uncovered: 0, duringCycle: 0 },
  },
  "secrets-and-probes": {
    seed: { cycles: [0], uncovered: 1, duringCycle: 1 },
    default: { cycles: [2_180], uncovered: 0, duringCycle: 0 },
    settle: { cycles: [2_180], uncovered: 0, duringCycle: 0 },
  },
};

describe.each(Object.keys(implementations))("by %s", (name) => {
  const machineFor = implementations[name] as (profile: Profile, id: string) => Promise<Machine>;

  describe.each(Object.keys(FIGURES))("the trace %s", (trace) => {
    test.each(PROFILES)("costs what is documented for the profile %s", async (profile) => {
      const id = `${trace}-${profile}`;
      const { cycles, uncovered, duringCycle } = await replay(
        await machineFor(profile, id),
        readTrace(trace),
        CYCLE_MS,
      );
      expect({ cycles, uncovered: uncovered.length, duringCycle }).toEqual(FIGURES[trace]?.[profile]);
    });
  });

  test.each(PROFILES)("all five probes of secrets-and-probes are dropped under %s", async (profile) => {
    const { verdicts } = await replay(
      await machineFor(profile, `probes-${profile}`),
      readTrace("secrets-and-probes"),
      CYCLE_MS,
    );
    const probes = verdicts.filter(({ source }) => source === "a2a-preflight" || source === "liveness-offline");
    expect(probes.map(({ decision }) => decision)).toEqual(Array(5).fill("dropped"));
  });

  const write = (atMs: number) => ({ atMs, source: "file-write" });

  test("a write that leaks past the window into a draining cycle is dropped by seed and follows by default", async () => {
    const seed = await replay(await machineFor("seed", "leak-seed"), [write(0), write(16_000)], 30_000);
    expect(seed.cycles).toEqual([0]);
    expect(seed.verdicts[1]).toMatchObject({ decision: "dropped", rule: "cooldown" });
    const byDefault = await replay(await machineFor("default", "leak-default"), [write(0), write(16_000)], 30_000);
    expect(byDefault.cycles).toEqual([0, 60_000]);
  });

  test("a cycle longer than the cooldown is followed at its end by seed, after the quiet by default", async () => {
    const writes = [write(0), write(65_000), write(76_000)];
    const seed = await replay(await machineFor("seed", "long-seed"), writes, 75_000);
    expect(seed.cycles).toEqual([0, 75_000]);
    expect(seed.verdicts[2]).toMatchObject({ decision: "dropped", rule: "window" });
    const byDefault = await replay(await machineFor("default", "long-default"), writes, 75_000);
    expect(byDefault.cycles).toEqual([0, 91_000]);
  });
});
