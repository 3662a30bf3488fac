import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PROFILES } from "@restart-coordinator/debounce";
import { describe, expect, test } from "vitest";
import { runSimulation, type SimulationRecord } from "../src/index.ts";

const TRACES = fileURLToPath(new URL("../../../traces/", import.meta.url));
const CYCLE_MS = 30_000;

async function simulated(...traces: string[]): Promise<SimulationRecord[]> {
  const recordings = traces.map((trace) => `${TRACES}${trace}.csv`);
  const { output } = await runSimulation({ recordings, profiles: PROFILES, cycleMs: CYCLE_MS, json: true });
  return JSON.parse(output) as SimulationRecord[];
}

/** The contract: starts, uncovered writes, writes during a cycle. */
const CONTRACT = {
  "canvas-save": { seed: [[0, 66_900], 1, 10], default: [[0, 86_400], 0, 9], settle: [[86_400], 0, 0] },
  "secrets-and-probes": { seed: [[0], 1, 1], default: [[2_180], 0, 0], settle: [[2_180], 0, 0] },
} as const;

describe.each(Object.entries(CONTRACT))("of %s", (trace, byProfile) => {
  test.each(Object.entries(byProfile))("%s costs what is documented", async (profile, figures) => {
    const records = await simulated(trace);
    const record = records.find((one) => one.profile === profile);
    expect([record?.cycles, record?.uncovered, record?.duringCycle]).toEqual(figures);
  });
});

test("what is printed for programs has exactly the documented form", async () => {
  const records = await simulated("secrets-and-probes");
  expect(records[0]).toEqual({
    trace: "secrets-and-probes",
    profile: "default",
    workspace: "hermes",
    cycles: [2_180],
    suppressed: 7,
    uncovered: 0,
    duringCycle: 0,
    staleP50Ms: 32_000,
    staleMaxMs: 32_180,
    decisions: { "coalesced/window": 1, "coalesced/pending": 1, "dropped/running": 5 },
  });
});

const names = readdirSync(TRACES).map((file) => file.replace(/\.csv$/, ""));
test.each(names)("every figure of %s is plausible under every profile", async (trace) => {
  const records = await simulated(trace);
  expect(new Set(records.map(({ profile }) => profile))).toEqual(new Set(PROFILES));
  for (const { cycles, suppressed, uncovered, duringCycle, staleP50Ms, staleMaxMs, decisions, profile } of records) {
    const triggers = Object.values(decisions).reduce((sum, count) => sum + count, 0);
    expect(triggers - suppressed).toBe(decisions["fired/window"] ?? 0);
    expect(cycles.length).toBeLessThanOrEqual(triggers);
    expect(uncovered + duringCycle).toBeLessThanOrEqual(triggers);
    if (profile !== "seed") expect(uncovered).toBe(0);
    // Nobody asked by hand: cycles start a cooldown apart.
    for (const [i, start] of cycles.entries())
      expect(start - (cycles[i - 1] ?? -60_000)).toBeGreaterThanOrEqual(60_000);
    if (staleP50Ms !== null && staleMaxMs !== null) {
      expect(staleP50Ms).toBeGreaterThanOrEqual(CYCLE_MS);
      expect(staleMaxMs).toBeGreaterThanOrEqual(staleP50Ms);
    }
  }
});

test("a workspace is simulated by itself, whatever the others do", async () => {
  const records = await simulated("global-secret");
  expect(records).toHaveLength(400 * PROFILES.length);
  expect(records.every(({ cycles }) => cycles.length === 1)).toBe(true);
});
