import { describe, expect, test } from "vitest";
import { FAULTS, planFaults } from "./plan-faults.ts";
import { planLoad } from "./plan-load.ts";
import { Random } from "./random.ts";

describe("a plan", () => {
  test("is repeated by its seed, and by no other", () => {
    const plan = (seed: number) => [planLoad(new Random(seed), 9_000), planFaults(new Random(seed), 9_000)];
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  test.each([1, 2, 3])("of a few seconds has every fault and every verb (seed %i)", (seed) => {
    const faults = planFaults(new Random(seed), 9_000).map(({ kind }) => kind);
    expect(new Set(faults)).toEqual(new Set(FAULTS));
    const asks = new Set(planLoad(new Random(seed), 9_000).map(({ ask }) => ask.kind));
    for (const kind of ["hold", "release", "flush", "cancel", "pause", "resume", "restart", "remove"] as const) {
      expect(asks).toContain(kind);
    }
  });

  test("keeps within its time", () => {
    const faults = planFaults(new Random(1), 60_000);
    expect(Math.max(...faults.map(({ at }) => at))).toBeLessThanOrEqual(60_000);
    expect(faults.length).toBeGreaterThan(40);
  });
});

test("random numbers spread evenly", () => {
  const random = new Random(5);
  const numbers = Array.from({ length: 10_000 }, () => random.between(1, 4));
  for (const n of [1, 2, 3, 4]) expect(numbers.filter((each) => each === n).length).toBeGreaterThan(2_300);
});
