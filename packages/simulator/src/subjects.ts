/** What is drawn together: one workspace of one trace, under every policy. */
import type { Simulation } from "./simulate.ts";

export interface Subject {
  readonly trace: string;
  readonly workspace: string;
  readonly simulations: readonly Simulation[];
  /** The last thing that happens under any policy, ms. */
  readonly endMs: number;
}

/** Per trace the busiest workspaces first. */
export function subjectsOf(simulations: readonly Simulation[]): Subject[] {
  const groups = new Map<string, Simulation[]>();
  for (const simulation of simulations) {
    const key = JSON.stringify([simulation.trace, simulation.workspace]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [simulation]);
    else group.push(simulation);
  }
  const subjects = [...groups.values()].map((group) => {
    const { trace, workspace } = group[0] as Simulation;
    return { trace, workspace, simulations: group, endMs: Math.max(...group.map(endOf)) };
  });
  const traces = [...new Set(subjects.map(({ trace }) => trace))];
  const size = ({ simulations }: Subject) => simulations[0]?.replayed.verdicts.length ?? 0;
  return traces.flatMap((name) => subjects.filter(({ trace }) => trace === name).sort((a, b) => size(b) - size(a)));
}

function endOf({ replayed, cycleMs }: Simulation): number {
  const lastCycle = replayed.cycles.at(-1);
  return Math.max(replayed.verdicts.at(-1)?.atMs ?? 0, lastCycle === undefined ? 0 : lastCycle + cycleMs);
}
