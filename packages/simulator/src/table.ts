/** What each policy cost, a line per trace and policy, all its workspaces together. */
import { showMs } from "./scale.ts";
import { median, type Simulation } from "./simulate.ts";

const HEADER = [
  "trace",
  "profile",
  "cycles",
  "suppressed",
  "uncovered",
  "stale p50",
  "stale max",
  "during a cycle",
  "starts",
];

export function drawTable(simulations: readonly Simulation[], width: number): string {
  const groups = new Map<string, Simulation[]>();
  for (const simulation of simulations) {
    const key = JSON.stringify([simulation.trace, simulation.profile]);
    groups.set(key, [...(groups.get(key) ?? []), simulation]);
  }
  return align([HEADER, ...[...groups.values()].map(rowOf)], width);
}

function rowOf(group: readonly Simulation[]): string[] {
  const { trace, profile } = group[0] as Simulation;
  const sum = (of: (simulation: Simulation) => number) => String(group.reduce((total, one) => total + of(one), 0));
  const stale = group.flatMap(({ replayed }) => replayed.staleMs).sort((a, b) => a - b);
  const show = (ms: number | null | undefined) => (ms === null || ms === undefined ? "–" : showMs(ms));
  const only = group.length === 1 ? group[0] : undefined;
  return [
    trace,
    profile,
    sum(({ replayed }) => replayed.cycles.length),
    sum(({ replayed }) => replayed.suppressed),
    sum(({ replayed }) => replayed.uncovered.length),
    show(median(stale)),
    show(stale.at(-1)),
    sum(({ replayed }) => replayed.duringCycle),
    only === undefined ? `${group.length} workspaces` : startsOf(only),
  ];
}

const MOST_STARTS = 4;

function startsOf({ replayed: { cycles } }: Simulation): string {
  const more = cycles.length > MOST_STARTS ? ", …" : "";
  return `${cycles.slice(0, MOST_STARTS).map(showMs).join(", ")}${more}`;
}

function align(rows: readonly (readonly string[])[], width: number): string {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => column >= 2 && column <= 7;
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd()
        .slice(0, Math.max(width, 40)),
    )
    .join("\n");
}
