/** Replays recorded triggers of one workspace in virtual time and says what they cost. */
import type { Decision, Rule } from "../vocabulary.ts";
import { VirtualTime } from "./virtual-time.ts";
import type { Machine } from "./virtual-workspace.ts";

export interface ReplayedTrigger {
  readonly atMs: number;
  readonly source: string;
  /** A write of the bytes that were there already: there is nothing to be covered. */
  readonly unchanged?: boolean;
}

export interface Replayed {
  /** Starts of the cycles, ms. */
  readonly cycles: readonly number[];
  readonly verdicts: readonly (ReplayedTrigger & { readonly decision: Decision; readonly rule: Rule })[];
  /** Triggers that were not `fired`. */
  readonly suppressed: number;
  /** Writes at or after which no cycle starts: their times. */
  readonly uncovered: readonly number[];
  /** Writes strictly between a cycle's start and its end. */
  readonly duringCycle: number;
  /** How long each covered write waited until the first cycle that starts at or after it had ended, ms, ascending. */
  readonly staleMs: readonly number[];
}

/** What only sees a restart, and changes nothing: every other trigger counts as a write. */
const PROBES: readonly string[] = ["a2a-preflight", "liveness-offline"];

/** `triggers` in the order of time; each cycle takes `cycleMs`. Runs on until nothing is owed. */
export async function replay(
  machine: Machine,
  triggers: readonly ReplayedTrigger[],
  cycleMs: number,
): Promise<Replayed> {
  const time = new VirtualTime(machine, cycleMs);
  const verdicts: Replayed["verdicts"][number][] = [];
  for (const trigger of triggers) {
    const { decision, rule } = await time.trigger(trigger.source, trigger.atMs, trigger.unchanged);
    verdicts.push({ ...trigger, decision, rule });
  }
  await time.advanceTo(Number.POSITIVE_INFINITY);

  const { cycles } = time;
  const uncovered: number[] = [];
  const staleMs: number[] = [];
  let duringCycle = 0;
  let next = 0;
  for (const { atMs, source, unchanged } of triggers) {
    if (unchanged || PROBES.includes(source)) continue;
    while (next < cycles.length && (cycles[next] as number) < atMs) next += 1;
    const covering = cycles[next];
    if (covering === undefined) uncovered.push(atMs);
    else staleMs.push(covering + cycleMs - atMs);
    const previous = cycles[next - 1];
    if (previous !== undefined && atMs < previous + cycleMs) duringCycle += 1;
  }
  staleMs.sort((a, b) => a - b);
  const suppressed = verdicts.filter(({ decision }) => decision !== "fired").length;
  return { cycles, verdicts, suppressed, uncovered, duringCycle, staleMs };
}
