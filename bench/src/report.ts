/** The results as a table for people: ratios first, for absolute times mean little on a shared machine. */
import type { Environment } from "./machine.ts";
import type { Judged, RowResult } from "./measure.ts";
import type { Spread } from "./statistics.ts";

export function formatReport(results: readonly RowResult[], environment: Environment): string {
  const { machine, versions, commit, at } = environment;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const failed = results.flatMap(({ judged }) => judged).filter(({ holds }) => holds === false).length;
  const verdict = failed === 0 ? "every limit holds" : `${failed} limit${failed === 1 ? "" : "s"} not reached`;
  return [
    ...results.map(formatRow),
    `${machine}\n${named.join(", ")}\ncommit ${commit}, ${at}\nmedians of the rounds, least to most in brackets\n\n${verdict}`,
  ].join("\n\n");
}

function formatRow({ title, rounds, judged, measured }: RowResult): string {
  const limits = judged.map((each) => [
    each.holds === undefined ? "" : each.holds ? "ok" : "NOT",
    formatSpread(each.seen, each.against === undefined ? "" : " ×"),
    mustOf(each),
    `${each.of}: ${each.measure}${each.against === undefined ? "" : ` / ${each.against}`}`,
  ]);
  const values = measured.flatMap(({ name, measures }) =>
    Object.entries(measures).map(([measure, spread]) => ["", formatSpread(spread, ""), measure, name]),
  );
  return `${title} (${rounds} round${rounds === 1 ? "" : "s"})\n${columns(limits)}\n  measured\n${columns(values)}`;
}

function mustOf({ atLeast, atMost }: Judged): string {
  return atLeast !== undefined ? `>= ${atLeast}` : atMost !== undefined ? `<= ${atMost}` : "";
}

function formatSpread({ median, least, most }: Spread, unit: string): string {
  return least === most ? `${short(median)}${unit}` : `${short(median)}${unit} (${short(least)}–${short(most)})`;
}

function short(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  return rows
    .map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join("  ")}`.trimEnd())
    .join("\n");
}
