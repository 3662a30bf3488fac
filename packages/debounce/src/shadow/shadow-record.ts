/**
 * What a shadow policy has made of one workspace so far: a virtual workspace that got the same triggers, and what was
 * decided, day by day. Pure, and bounded: a week of days, the newest starts.
 */
import type { Policy } from "../policy/policy.ts";
import { VirtualTime } from "../simulation/virtual-time.ts";
import { type VirtualState, VirtualWorkspace } from "../simulation/virtual-workspace.ts";
import type { Verdict } from "../vocabulary.ts";

/** Of one of the two policies on one day, by UTC. */
export interface ShadowTally {
  /** How often each `decision/rule` was made. */
  readonly decisions: Readonly<Record<string, number>>;
  /** Triggers that came while a cycle ran. */
  readonly duringCycle: number;
}

export interface ShadowDay {
  readonly triggers: number;
  /** Triggers that the two decided differently. */
  readonly differing: number;
  readonly active: ShadowTally;
  readonly shadow: ShadowTally & { readonly cycles: number };
}

export interface ShadowRecord {
  /** Of the shadow policies; another one begins anew. */
  readonly revision: string;
  /** The first and the last trigger, ms. */
  readonly since: number;
  readonly lastAt: number;
  readonly virtual: VirtualState;
  /** End of the virtual cycle that runs, ms. */
  readonly endsAt?: number | undefined;
  /** Triggers dropped by the shadow policy since its last cycle started: nothing would have covered them yet. */
  readonly uncovered: number;
  /** Starts of the newest virtual cycles, ms. */
  readonly starts: readonly number[];
  /** By days since the epoch. */
  readonly days: Readonly<Record<string, ShadowDay>>;
}

export interface SeenTrigger {
  readonly source: string;
  readonly at: number;
  readonly active: Verdict;
  /** A real cycle was running. */
  readonly duringCycle: boolean;
}

const DAY_MS = 86_400_000;
export const DAYS_KEPT = 7;
const STARTS_KEPT = 50;
const NOTHING: ShadowTally = { decisions: {}, duringCycle: 0 };
const EMPTY_DAY: ShadowDay = { triggers: 0, differing: 0, active: NOTHING, shadow: { ...NOTHING, cycles: 0 } };

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

export function beginRecord(revision: string, at: number): ShadowRecord {
  const virtual = { windows: {}, running: false };
  return { revision, since: at, lastAt: at, virtual, uncovered: 0, starts: [], days: {} };
}

export interface Observed {
  readonly record: ShadowRecord;
  /** What the shadow policy would have decided; undefined when it does not know the source. */
  readonly verdict: Verdict | undefined;
  /** Virtual cycles that began meanwhile. */
  readonly cycles: number;
}

/** The trigger, as the shadow policy would have judged it. Replicas may tell of triggers a little out of order. */
export async function observeTrigger(
  before: ShadowRecord,
  trigger: SeenTrigger,
  policy: Policy,
  cycleMs: number,
): Promise<Observed> {
  const { source, active } = trigger;
  const at = Math.max(trigger.at, before.lastAt);
  if (!Object.hasOwn(policy.sources, source)) return { record: before, verdict: undefined, cycles: 0 };
  const workspace = new VirtualWorkspace(policy, before.virtual);
  const time = new VirtualTime(workspace, cycleMs, before.endsAt, before.lastAt);
  await time.advanceTo(at);
  const running = time.endsAt !== undefined;
  // What changed nothing under one policy changes nothing under another.
  const unchanged = active.rule === "unchanged";
  const { decision, rule } = await time.trigger(source, at, unchanged);
  const verdict = { decision, rule };
  const after = withCycles(before, time.cycles);
  // A cycle that starts at the same moment covers it.
  const isUncovered = decision === "dropped" && !unchanged && time.cycles.at(-1) !== at;
  const uncovered = after.uncovered + (isUncovered ? 1 : 0);
  const day = after.days[dayOf(at)] ?? EMPTY_DAY;
  const differs = active.decision !== verdict.decision || active.rule !== verdict.rule;
  const counted: ShadowDay = {
    triggers: day.triggers + 1,
    differing: day.differing + (differs ? 1 : 0),
    active: tally(day.active, active, trigger.duringCycle),
    shadow: { ...tally(day.shadow, verdict, running), cycles: day.shadow.cycles },
  };
  const days = newest({ ...after.days, [dayOf(at)]: counted }, dayOf(at));
  const record = { ...after, lastAt: at, virtual: workspace.state, endsAt: time.endsAt, uncovered, days };
  return { record, verdict, cycles: time.cycles.length };
}

/** As it would stand at `now`, when no trigger comes. */
export async function advanceRecord(
  before: ShadowRecord,
  now: number,
  policy: Policy,
  cycleMs: number,
): Promise<ShadowRecord> {
  const workspace = new VirtualWorkspace(policy, before.virtual);
  const time = new VirtualTime(workspace, cycleMs, before.endsAt, before.lastAt);
  await time.advanceTo(Math.max(now, before.lastAt));
  const record = withCycles(before, time.cycles);
  return { ...record, virtual: workspace.state, endsAt: time.endsAt, days: newest(record.days, dayOf(now)) };
}

/** A cycle covers everything before its start, dropped or not. */
function withCycles(record: ShadowRecord, cycles: readonly number[]): ShadowRecord {
  if (cycles.length === 0) return record;
  const days: Record<string, ShadowDay> = { ...record.days };
  for (const start of cycles) {
    const day = days[dayOf(start)] ?? EMPTY_DAY;
    days[dayOf(start)] = { ...day, shadow: { ...day.shadow, cycles: day.shadow.cycles + 1 } };
  }
  return { ...record, days, uncovered: 0, starts: [...record.starts, ...cycles].slice(-STARTS_KEPT) };
}

function tally(before: ShadowTally, { decision, rule }: Verdict, duringCycle: boolean): ShadowTally {
  const made = `${decision}/${rule}`;
  const decisions = { ...before.decisions, [made]: (before.decisions[made] ?? 0) + 1 };
  return { decisions, duringCycle: before.duringCycle + (duringCycle ? 1 : 0) };
}

function newest(days: Readonly<Record<string, ShadowDay>>, today: number): Record<string, ShadowDay> {
  return Object.fromEntries(Object.entries(days).filter(([day]) => Number(day) > today - DAYS_KEPT));
}
