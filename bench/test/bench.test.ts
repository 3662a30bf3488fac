/** The benchmark runs, shortened, so that it cannot rot. No time is judged here: the machine may be anybody's. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { measureGrowth } from "../src/growth/measure.ts";
import { plotGrowth } from "../src/growth/plot.ts";
import type { Environment } from "../src/machine.ts";
import { measureRow, type RowResult } from "../src/measure.ts";
import { optionsOf } from "../src/options.ts";
import { formatReport } from "../src/report.ts";
import type { Contender, Row } from "../src/row.ts";
import { ROWS } from "../src/rows/index.ts";
import { percentile, spreadOf } from "../src/statistics.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = ["--conditions=@restart-coordinator/source", "--import", "tsx", "bench/src/main.ts"];

test("every row can be measured, and tells each ratio it is judged by", { timeout: 180_000 }, async () => {
  const run = promisify(execFile)(process.execPath, [...MAIN, "--short", "--json"], { cwd: ROOT });
  // Exit code 1: a limit was not reached, which on a busy machine means nothing.
  const { stdout } = await run.catch((error: { code: unknown; stdout: string; stderr: string }) => {
    if (error.code !== 1) throw new Error(`exit code ${error.code}: ${error.stderr}`);
    return error;
  });
  const { environment, results } = JSON.parse(stdout) as { environment: Environment; results: RowResult[] };
  expect(results.map(({ id }) => id)).toEqual(ROWS.map(({ id }) => id));
  for (const { judged, measured } of results) {
    for (const { seen } of judged) expect(Number.isFinite(seen.median)).toBe(true);
    expect(measured.length).toBeGreaterThan(0);
  }
  expect(environment.versions.redis).toMatch(/^\d/);
  expect(formatReport(results, environment)).toContain(environment.machine);

  // What does not depend on time holds on any machine.
  const limits = results.flatMap(({ id, judged }) => judged.map((each) => ({ id, ...each })));
  const timeless = ["roundTripsEach", "roundTrips", "wrongReceipts", "moreConnections", "keysAfterRemoval"];
  for (const { id, measure, holds } of limits.filter((each) => timeless.includes(each.measure))) {
    expect([id, measure, holds]).toEqual([id, measure, true]);
  }
});

describe("measuring a row", () => {
  const rowOf = (contenders: Contender[], limits: Row["limits"]): Row => ({
    id: "row",
    title: "a row",
    limits,
    open: async () => ({ contenders, close: async () => {} }),
  });
  const contender = (name: string, values: number[], log: string[]): Contender => ({
    name,
    run: async () => {
      log.push(name);
      return { perSecond: values.shift() ?? 0 };
    },
  });

  test("takes turns, begins with another one each round, and throws the first round away", async () => {
    const log: string[] = [];
    const row = rowOf(
      [contender("a", [0, 10, 30, 20], log), contender("b", [0, 10, 10, 10], log)],
      [{ measure: "perSecond", against: "b", atLeast: 2 }],
    );
    const result = await measureRow(row, { rounds: 3, isShort: false });
    expect(log).toEqual(["a", "b", "a", "b", "b", "a", "a", "b"]);
    expect(result.judged).toMatchObject([{ of: "a", seen: { median: 2, least: 1, most: 3 }, holds: true }]);
  });

  test("says what does not hold", async () => {
    const limits = [{ measure: "perSecond", atMost: 9 }, { measure: "perSecond" }];
    const result = await measureRow(rowOf([contender("a", [0, 10], [])], limits), { rounds: 1, isShort: false });
    expect(result.judged.map(({ holds }) => holds)).toEqual([false, undefined]);
  });

  test("a limit on something nobody measures is an error", async () => {
    const row = rowOf([contender("a", [1, 1], [])], [{ measure: "p99Ms", atMost: 1 }]);
    await expect(measureRow(row, { rounds: 1, isShort: false })).rejects.toThrow("expected the measure p99Ms");
  });
});

test("growth is measured for every number of shards, and drawn", { timeout: 60_000 }, async () => {
  const points = await measureGrowth(true, () => {});
  expect(points.map(({ shards, workspaces }) => `${shards}/${workspaces}`)).toEqual([
    "1/1",
    "1/10",
    "4/1",
    "4/10",
    "16/1",
    "16/10",
  ]);
  const svg = plotGrowth(points, "somewhere");
  expect(svg).toMatch(/^<svg[\s\S]*16 shards[\s\S]*<\/svg>/);
});

test("medians and percentiles are of the nearest rank", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
  expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
  expect(percentile([1, 2, 3, 4], 99)).toBe(4);
  expect(() => percentile([], 50)).toThrow("at least one value");
});

test("an unknown row or a senseless number of rounds is told in plain words", () => {
  expect(() => optionsOf(["--rows", "speed"])).toThrow("--rows: expected some of suppressed, herd");
  expect(() => optionsOf(["--rounds", "0"])).toThrow("--rounds: expected 1 to 100, got 0");
  expect(optionsOf(["--rows", "herd,memory", "--short"])).toMatchObject({ rounds: 1, isShort: true });
});
