/** A timeline for the terminal: a row of triggers, then a row per policy with its cycles. */
import { type Scale, scaleOver, showMs, ticksOf } from "./scale.ts";
import type { Simulation } from "./simulate.ts";
import { type Subject, subjectsOf } from "./subjects.ts";

const MOST_PER_TRACE = 3;
const LEGEND = "· • ● 1, 2 to 4, 5 and more triggers   █ a cycle   ░ cooldown   × a write that no cycle covers";

/** `width`: columns of the terminal. */
export function drawTimelines(simulations: readonly Simulation[], width: number): string {
  const subjects = subjectsOf(simulations);
  const lines: string[] = [];
  for (const trace of new Set(subjects.map((subject) => subject.trace))) {
    const own = subjects.filter((subject) => subject.trace === trace);
    for (const subject of own.slice(0, MOST_PER_TRACE)) lines.push(...drawSubject(subject, width), "");
    if (own.length > MOST_PER_TRACE) lines.push(`… and ${own.length - MOST_PER_TRACE} more workspaces of ${trace}`, "");
  }
  return lines.length === 0 ? "" : [...lines, LEGEND].join("\n");
}

function drawSubject({ trace, workspace, simulations, endMs }: Subject, width: number): string[] {
  const margin = Math.max("triggers".length, ...simulations.map(({ profile }) => profile.length)) + 1;
  const scale = scaleOver(0, endMs, Math.max(20, width - margin - 2));
  const row = (label: string, cells: readonly string[]) => `${label.padEnd(margin)}│${cells.join("")}`;
  return [
    `${trace} · ${workspace}`,
    row("triggers", triggersOf(simulations[0] as Simulation, scale)),
    ...simulations.map((simulation) => row(simulation.profile, cyclesOf(simulation, scale))),
    `${" ".repeat(margin)}└${axisOf(scale)}`,
  ];
}

function triggersOf({ replayed }: Simulation, scale: Scale): string[] {
  const counts = new Array<number>(scale.size).fill(0);
  for (const { atMs } of replayed.verdicts) {
    const column = columnOf(atMs, scale);
    counts[column] = (counts[column] ?? 0) + 1;
  }
  return counts.map((count) => (count === 0 ? " " : count === 1 ? "·" : count < 5 ? "•" : "●"));
}

function cyclesOf({ replayed, cycleMs, cooldownMs }: Simulation, scale: Scale): string[] {
  const cells = new Array<string>(scale.size).fill(" ");
  for (const start of replayed.cycles) {
    fill(cells, columnOf(start, scale), columnOf(Math.max(start, start + cooldownMs - 1), scale), "░");
  }
  for (const start of replayed.cycles) {
    fill(cells, columnOf(start, scale), columnOf(Math.max(start, start + cycleMs - 1), scale), "█");
  }
  for (const atMs of replayed.uncovered) cells[columnOf(atMs, scale)] = "×";
  return cells;
}

function fill(cells: string[], from: number, to: number, mark: string): void {
  for (let column = from; column <= to; column += 1) cells[column] = mark;
}

function columnOf(ms: number, scale: Scale): number {
  return Math.min(scale.size - 1, Math.floor(scale.at(ms)));
}

const COLUMNS_PER_TICK = 14;

function axisOf(scale: Scale): string {
  const cells = new Array<string>(scale.size).fill("─");
  for (const tick of ticksOf(scale, scale.size / COLUMNS_PER_TICK)) {
    const label = `┴ ${showMs(tick)} `;
    const column = columnOf(tick, scale);
    if (column + label.length > scale.size) continue;
    for (const [i, letter] of [...label].entries()) cells[column + i] = letter;
  }
  return cells.join("");
}
