/** Replays recordings through policies, workspace by workspace, and counts what each would have cost. */
import { type PolicySet, policyFor, type Replayed, replay, VirtualWorkspace } from "@restart-coordinator/debounce";
import { nearestTo } from "@restart-coordinator/service";
import { type RecordedTrigger, type Recording, SimulationError } from "./recordings/recording.ts";

/** Policies under a name to compare them by. */
export interface NamedPolicy {
  readonly name: string;
  /** Those of a recording, whose time begins at zero. */
  readonly policiesFor: (recording: Recording) => PolicySet;
}

/** One workspace of one recording under one policy. Times are ms since the recording's zero. */
export interface Simulation {
  readonly trace: string;
  readonly profile: string;
  readonly workspace: string;
  readonly cycleMs: number;
  readonly cooldownMs: number;
  readonly replayed: Replayed;
}

/** @throws SimulationError when a policy does not know a source */
export async function simulate(
  recordings: readonly Recording[],
  policies: readonly NamedPolicy[],
  cycleMs: number,
): Promise<Simulation[]> {
  const simulations: Simulation[] = [];
  for (const recording of recordings) {
    const { name: trace, triggers } = recording;
    const byWorkspace = groupByWorkspace(triggers);
    for (const { name: profile, policiesFor } of policies) {
      const set = policiesFor(recording);
      assertKnown(triggers, profile, set);
      for (const [workspace, own] of byWorkspace) {
        const policy = policyFor(set, { id: workspace, tags: {}, runtime: undefined });
        const replayed = await replay(new VirtualWorkspace(policy), own, cycleMs);
        simulations.push({ trace, profile, workspace, cycleMs, cooldownMs: policy.cooldownMs, replayed });
      }
    }
  }
  return simulations;
}

/** The form of `--json`; an array of these. */
export interface SimulationRecord {
  readonly trace: string;
  readonly profile: string;
  readonly workspace: string;
  /** Starts, ms. */
  readonly cycles: readonly number[];
  /** Triggers that were not `fired`. */
  readonly suppressed: number;
  /** Writes at or after which no cycle starts. */
  readonly uncovered: number;
  /** Writes strictly between a cycle's start and its end. */
  readonly duringCycle: number;
  /** Of covered writes: from the write to the end of the cycle that covers it, ms; null without any. */
  readonly staleP50Ms: number | null;
  readonly staleMaxMs: number | null;
  /** How often each `decision/rule` was made. */
  readonly decisions: Readonly<Record<string, number>>;
}

export function recordOf({ trace, profile, workspace, replayed }: Simulation): SimulationRecord {
  const { cycles, suppressed, uncovered, duringCycle, staleMs } = replayed;
  const decisions: Record<string, number> = {};
  for (const { decision, rule } of replayed.verdicts) {
    const made = `${decision}/${rule}`;
    decisions[made] = (decisions[made] ?? 0) + 1;
  }
  const stale = { staleP50Ms: median(staleMs), staleMaxMs: staleMs.at(-1) ?? null };
  return {
    trace,
    profile,
    workspace,
    cycles,
    suppressed,
    uncovered: uncovered.length,
    duringCycle,
    ...stale,
    decisions,
  };
}

/** Of ascending numbers, the nearest rank. */
export function median(ascending: readonly number[]): number | null {
  return ascending[Math.ceil(ascending.length / 2) - 1] ?? null;
}

function groupByWorkspace(triggers: readonly RecordedTrigger[]): Map<string, RecordedTrigger[]> {
  const groups = new Map<string, RecordedTrigger[]>();
  for (const trigger of triggers) {
    const group = groups.get(trigger.workspace);
    if (group === undefined) groups.set(trigger.workspace, [trigger]);
    else group.push(trigger);
  }
  return groups;
}

function assertKnown(triggers: readonly RecordedTrigger[], profile: string, { common: { sources } }: PolicySet): void {
  const unknown = triggers.find(({ source }) => !Object.hasOwn(sources, source));
  if (unknown === undefined) return;
  const known = Object.keys(sources);
  const source = unknown.source.slice(0, 80);
  throw new SimulationError(
    `${unknown.where}: expected a source that ${profile} knows (${known.join(", ")}), got ${JSON.stringify(source)}: ` +
      `did you mean ${nearestTo(source, known)[0]}? A source of your own needs a policy file that declares it (--policy)`,
  );
}
