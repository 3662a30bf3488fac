/**
 * Draws the verdict: facts in, broken promises out. Pure. What the coordinator recorded is held against what the clients
 * and the workspaces' processes saw themselves: content counts as covered when a process that came to serve has loaded it.
 */
import type { AgentRun } from "./agent-record.ts";
import type { CycleFact, Facts, WriteFact } from "./facts.ts";
import { type Save, savesOf } from "./saves.ts";

export interface Verdict {
  /** Writes that no process loaded that came to serve, dropped or not. */
  readonly uncovered: readonly WriteFact[];
  readonly failed: readonly WriteFact[];
  /** By the number of the write: the cycle that covers it, as recorded. */
  readonly coveredBy: ReadonlyMap<number, CycleFact>;
  readonly saves: readonly Save[];
  readonly overlaps: readonly string[];
  /** Files whose last content is not what the workspace serves. */
  readonly stale: readonly string[];
  /** In plain words; empty = every promise held. */
  readonly brokenPromises: readonly string[];
}

const MOST_CYCLES_PER_SAVE = 2;

export function judge(facts: Facts): Verdict {
  const { profile, writes, stillOwed } = facts;
  const coveredBy = recordedCovers(facts);
  const failed = writes.filter(({ ackedAt }) => ackedAt === undefined);
  const uncovered = writes.filter((write) => isAcked(write) && !write.isProbe && !isLoaded(write, coveredBy, facts));
  const asked = askedByPerson(facts, coveredBy);
  const saves = savesOf(facts, coveredBy, asked);
  const overlaps = [...overlappingProcesses(facts.agentRuns), ...overlappingCycles(facts.cycles)];
  const stale = staleFiles(facts);
  // Under `seed` a dropped write is lost, and known to be: that is what it shows.
  const mayBeLost = ({ receipt }: WriteFact) => profile === "seed" && receipt?.decision === "dropped";
  const brokenPromises = [
    ...failed.map((write) => `${nameOf(write)} failed: ${write.failure}`),
    ...uncovered
      .filter((write) => !mayBeLost(write))
      .map((write) => `${nameOf(write)} is uncovered: no process that came to serve has loaded it`),
    ...unrecorded(facts, coveredBy),
    ...saves
      .filter(({ cycles }) => cycles.length > MOST_CYCLES_PER_SAVE)
      .map(({ workspace, writes: { length }, cycles }) => {
        return `one Save of ${workspace} (${length} writes) cost ${cycles.length} cycles: ${cycles.map(({ id }) => id).join(", ")}`;
      }),
    ...overlaps,
    ...tooSoon(facts, asked),
    ...contradictions(facts),
    ...instanceTroubles(facts),
    ...(profile === "seed" ? [] : stale.map((file) => `${file}: the workspace does not serve its last content`)),
    ...stillOwed.map((workspace) => `${workspace} was still owed a restart when the demo stopped waiting`),
  ];
  return { uncovered, failed, coveredBy, saves, overlaps, stale, brokenPromises };
}

function isAcked(write: WriteFact): write is WriteFact & { ackedAt: number } {
  return write.ackedAt !== undefined;
}

function nameOf({ number, detail, source }: WriteFact): string {
  return `write ${number} (${source === "file-write" ? detail : `${source}: ${detail}`})`;
}

/** By the generations in the receipts: the first good cycle that had read what the trigger asked for. */
function recordedCovers({ writes, cycles }: Facts): Map<number, CycleFact> {
  const good = cycles.filter(({ outcome }) => outcome === "ok").sort((a, b) => a.generation - b.generation);
  const covers = new Map<number, CycleFact>();
  for (const { number, workspace, receipt } of writes) {
    if (receipt === undefined || !isOwed(receipt.decision)) continue;
    const cycle = good.find((each) => each.workspace === workspace && each.generation >= receipt.generation);
    if (cycle !== undefined) covers.set(number, cycle);
  }
  return covers;
}

/** The ids of the cycles that cover what a person asked for: those owe nothing to the cooldown, nor to thrift. */
function askedByPerson({ writes, policy }: Facts, coveredBy: ReadonlyMap<number, CycleFact>): Set<string> {
  const byPerson = writes.filter(({ source }) => policy.sources[source]?.cooldown === "ignore");
  return new Set(byPerson.flatMap(({ number }) => coveredBy.get(number)?.id ?? []));
}

function isOwed(decision: string | undefined): boolean {
  return decision === "fired" || decision === "coalesced";
}

/** Whether a process of the workspace came to serve that knows of the write. */
function isLoaded(
  write: WriteFact & { ackedAt: number },
  coveredBy: ReadonlyMap<number, CycleFact>,
  facts: Facts,
): boolean {
  const served = facts.agentRuns.filter(
    ({ workspace, readyAt }) => workspace === write.workspace && readyAt !== undefined,
  );
  if (write.sha256 !== undefined) {
    // Its content, or what was written over it later.
    const contents = facts.writes
      .filter((other) => isSameFile(other, write) && other.number >= write.number)
      .map(({ sha256 }) => sha256);
    return served.some(({ files }) => contents.includes(files[write.detail]));
  }
  // No content to look for: its cycle, and the process, must have started after it. Between its sending and its
  // acknowledgement only the record knows which came first.
  const recorded = coveredBy.get(write.number)?.id;
  return served.some(({ startedAt, cycleId }) => {
    if (cycleId === recorded) return startedAt >= write.sentAt;
    const cycle = facts.cycles.find(({ id }) => id === cycleId);
    return cycle !== undefined && cycle.startedAt >= write.ackedAt && startedAt >= write.ackedAt;
  });
}

function isSameFile(a: WriteFact, b: WriteFact): boolean {
  return a.workspace === b.workspace && a.detail === b.detail && a.sha256 !== undefined && b.sha256 !== undefined;
}

/** A receipt that said "will be covered", and no good cycle on record that did. */
function unrecorded({ writes }: Facts, coveredBy: ReadonlyMap<number, CycleFact>): string[] {
  return writes
    .filter(({ number, receipt }) => isOwed(receipt?.decision) && !coveredBy.has(number))
    .map((write) => `${nameOf(write)} was ${write.receipt?.decision}, but no good cycle on record covers it`);
}

function overlappingProcesses(runs: readonly AgentRun[]): string[] {
  return runs.flatMap((run, i) =>
    runs.slice(0, i).flatMap((earlier) => {
      if (earlier.workspace !== run.workspace) return [];
      const wasAlive = run.aliveAtStart.includes(earlier.runner) || (earlier.exitedAt ?? 0) > run.startedAt;
      return wasAlive ? [`two of ${run.workspace} were alive at once: ${earlier.runner} and ${run.runner}`] : [];
    }),
  );
}

function overlappingCycles(cycles: readonly CycleFact[]): string[] {
  return pairsOf(cycles)
    .filter(([earlier, later]) => later.startedAt < (earlier.endedAt ?? Number.POSITIVE_INFINITY))
    .map(([earlier, later]) => `two cycles of ${later.workspace} overlap: ${earlier.id} and ${later.id}`);
}

/** Every two cycles of a workspace start at least the cooldown apart, unless a person asked for the later one. */
function tooSoon({ cycles, policy: { cooldownMs } }: Facts, asked: ReadonlySet<string>): string[] {
  return pairsOf(cycles)
    .filter(([earlier, later]) => !asked.has(later.id) && later.startedAt - earlier.startedAt < cooldownMs)
    .map(([earlier, later]) => {
      const apart = later.startedAt - earlier.startedAt;
      return `cycles ${earlier.id} and ${later.id} of ${later.workspace} began ${apart} ms apart, within the cooldown of ${cooldownMs} ms`;
    });
}

/** Each cycle with the next one of its workspace. */
function pairsOf(cycles: readonly CycleFact[]): [CycleFact, CycleFact][] {
  const inOrder = [...cycles].sort((a, b) => a.startedAt - b.startedAt);
  return inOrder.flatMap((cycle, i): [CycleFact, CycleFact][] => {
    const next = inOrder.slice(i + 1).find(({ workspace }) => workspace === cycle.workspace);
    return next === undefined ? [] : [[cycle, next]];
  });
}

/** Where the record and the processes tell different stories. */
function contradictions({ cycles, agentRuns }: Facts): string[] {
  const unready = cycles
    .filter(({ outcome }) => outcome === "ok")
    .filter(({ id }) => !agentRuns.some(({ cycleId, readyAt }) => cycleId === id && readyAt !== undefined))
    .map(({ id }) => `cycle ${id} is recorded as ok, but no process of it came to serve`);
  const unknown = agentRuns
    .filter(({ cycleId }) => !cycles.some(({ id }) => id === cycleId))
    .map(({ runner, cycleId }) => `${runner} was started by cycle ${cycleId}, which is not on record`);
  return [...unready, ...unknown];
}

/** As EC2 shows them at the end: one lives, and every good cycle brought a new one. */
function instanceTroubles({ instances = [], cycles, agentRuns }: Facts): string[] {
  const workspaces = new Set(instances.map(({ workspace }) => workspace));
  const notOne = [...workspaces].flatMap((workspace) => {
    const live = instances.filter((each) => each.workspace === workspace && each.isLive).map(({ id }) => id);
    return live.length === 1 ? [] : [`${workspace} has ${live.length} live instances: ${live.join(", ")}`];
  });
  const ready = agentRuns.filter(({ readyAt }) => readyAt !== undefined).map(({ runner }) => runner);
  const good = cycles.filter(({ outcome }) => outcome === "ok").length;
  return instances.length > 0 && new Set(ready).size < good
    ? [...notOne, `${good} good cycles brought only ${new Set(ready).size} instances`]
    : notOne;
}

function staleFiles({ writes, served }: Facts): string[] {
  return writes.flatMap((write) => {
    const later = writes.filter((other) => isSameFile(other, write) && other.number > write.number);
    if (write.sha256 === undefined || !isAcked(write) || later.some(isAcked)) return [];
    // A failed write may have reached the disk all the same: its content is as good as the last acknowledged one.
    const good = [write, ...later].map(({ sha256 }) => sha256);
    const { workspace, detail } = write;
    return good.includes(served[workspace]?.[detail]) ? [] : [`${workspace}/${detail}`];
  });
}
