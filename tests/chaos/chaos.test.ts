import { expect, test } from "vitest";
import { FAULTS } from "./plan-faults.ts";
import { formatResult } from "./report.ts";
import { runChaos } from "./run.ts";

const SECONDS = 9;
const SEED = 20;

/** Real processes, from the build: `npm test` makes it first. */
test("a short run with every fault keeps every promise", { timeout: 240_000 }, async () => {
  const result = await runChaos({ seconds: SECONDS, seed: SEED });
  const report = formatResult(result, `pnpm chaos --seconds ${SECONDS} --seed ${SEED}`);
  expect(result.verdict.violations, report).toEqual([]);
  expect(result.surprises).toEqual([]);
  expect(Object.keys(result.faults).sort()).toEqual([...FAULTS].sort());
  // Something must have been judged.
  const { owed, goodCycles, gapsMeasured, receiptsFoundAgain, deathsInCalm } = result.verdict.counts;
  expect(Math.min(owed, goodCycles, gapsMeasured, receiptsFoundAgain, deathsInCalm), report).toBeGreaterThan(0);
});
