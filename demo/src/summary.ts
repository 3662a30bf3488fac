/** The end of the story: for people, and as JSON. */
import type { CycleFact, Facts, WriteFact } from "./facts.ts";
import { count, fit, paint } from "./screen.ts";
import { timeline } from "./timeline.ts";
import type { Verdict } from "./verdict.ts";

export interface Ending {
  readonly trace: string;
  readonly facts: Facts;
  readonly verdict: Verdict;
  /** Processes that died on the way. */
  readonly killed: readonly string[];
  /** Seconds of the trace's time. */
  readonly seconds: (at: number) => number;
}

export function toJson({ trace, facts, verdict, killed, seconds }: Ending) {
  const { profile, speed, writes, cycles } = facts;
  return {
    profile,
    speed,
    trace,
    writes: writes.filter(({ isProbe }) => !isProbe).length,
    probes: writes.filter(({ isProbe }) => isProbe).length,
    failedWrites: verdict.failed.length,
    retriedWrites: retried(writes),
    decisions: decisionsOf(writes),
    cycles: cycles.map((cycle) => ({
      id: cycle.id,
      workspace: cycle.workspace,
      attempts: cycle.attempts,
      startedAt: iso(cycle.startedAt),
      endedAt: iso(cycle.endedAt),
      /** In the trace's time. */
      startSeconds: rounded(seconds(cycle.startedAt)),
      endSeconds: cycle.endedAt === undefined ? null : rounded(seconds(cycle.endedAt)),
      outcome: cycle.outcome ?? "running",
      covers: coveredBy(cycle, facts, verdict).map(whatOf),
    })),
    uncovered: verdict.uncovered.length,
    uncoveredWrites: verdict.uncovered.map(whatOf),
    overlaps: verdict.overlaps.length,
    ...(facts.instances && { instances: facts.instances }),
    servesLastContent: verdict.stale.length === 0,
    killed,
    ok: verdict.brokenPromises.length === 0,
    brokenPromises: verdict.brokenPromises,
  };
}

export function render(ending: Ending): string[] {
  const { facts, verdict, seconds, killed } = ending;
  const { writes, cycles } = facts;
  const row = (label: string, text: string) => `  ${label.padEnd(11)} ${text}`;
  const attempts = cycles.reduce((sum, each) => sum + each.attempts, 0);
  const decisions = Object.entries(decisionsOf(writes)).map(([name, n]) => `${n} ${name}`);
  const lines = [
    paint("bold", "Summary"),
    row("writes", writesLine(writes, verdict)),
    row("decisions", decisions.join(" · ")),
    row("cycles", cycles.length === attempts ? `${cycles.length}` : `${cycles.length}, in ${attempts} attempts`),
    ...cycles.flatMap((cycle, i) => cycleLines(cycle, i + 1, ending)),
    row("uncovered", verdict.uncovered.length === 0 ? "0" : uncoveredLine(verdict)),
    row("overlaps", `${verdict.overlaps.length}`),
    row("content", contentLine(facts, verdict)),
    ...(facts.instances ?? []).map(({ id, workspace, isLive }, i) =>
      row(i === 0 ? "instances" : "", `${id} of ${workspace}, ${isLive ? "running" : "terminated"}`),
    ),
    ...(killed.length === 0 ? [] : [row("killed", killed.join(", "))]),
    "",
    ...timeline(facts, seconds).map((line) => `  ${line}`),
    "",
  ];
  if (verdict.brokenPromises.length === 0) return [...lines, paint("green", goodEnd(facts, verdict))];
  return [
    ...lines,
    paint("red", `${count(verdict.brokenPromises.length, "promise")} broken:`),
    ...verdict.brokenPromises.slice(0, MOST_SHOWN).map((text) => paint("red", `  - ${text}`)),
    ...(verdict.brokenPromises.length > MOST_SHOWN ? [paint("red", "  - … (--json lists them all)")] : []),
  ];
}

const MOST_SHOWN = 15;

function goodEnd({ profile }: Facts, { uncovered }: Verdict): string {
  if (uncovered.length === 0) return "Every promise held.";
  return `Every promise of "${profile}" held. It does not promise to cover what it drops: ${count(uncovered.length, "write")} lost.`;
}

function writesLine(writes: readonly WriteFact[], verdict: Verdict): string {
  const probes = writes.filter(({ isProbe }) => isProbe).length;
  return [
    count(writes.length - probes, "write"),
    ...(probes === 0 ? [] : [count(probes, "probe")]),
    `${verdict.failed.length} failed`,
    `${retried(writes)} tried again at another replica`,
  ].join(", ");
}

const LINE_WIDTH = 78;

function cycleLines(cycle: CycleFact, number: number, { facts, verdict, seconds }: Ending): string[] {
  const covered = coveredBy(cycle, facts, verdict);
  const from = seconds(cycle.startedAt).toFixed(1);
  const to = cycle.endedAt === undefined ? "…" : seconds(cycle.endedAt).toFixed(1);
  const attempts = cycle.attempts === 1 ? "" : `, ${cycle.attempts} attempts`;
  const files = [...new Set(covered.map(whatOf))].join(", ");
  const covers = covered.length === 0 ? "covers nothing" : `covers ${count(covered.length, "write")}: ${files}`;
  return [
    `    ${number}  ${from} s to ${to} s, ${cycle.outcome ?? "running"}${attempts} (${cycle.id}, ${cycle.workspace})`,
    `       ${fit(covers, LINE_WIDTH).trimEnd()}`,
  ];
}

function uncoveredLine({ uncovered }: Verdict): string {
  return fit(`${uncovered.length}: ${uncovered.map(whatOf).join(", ")}`, LINE_WIDTH).trimEnd();
}

function contentLine({ writes }: Facts, { stale }: Verdict): string {
  const files = new Set(writes.filter(({ sha256 }) => sha256 !== undefined).map((w) => `${w.workspace}/${w.detail}`));
  if (files.size === 0) return "no files in this trace";
  if (stale.length === 0) return `the last content of all ${files.size} files is served`;
  return fit(
    `NOT the last content of ${stale.length} of ${files.size} files: ${stale.join(", ")}`,
    LINE_WIDTH,
  ).trimEnd();
}

function coveredBy(cycle: CycleFact, { writes }: Facts, verdict: Verdict): WriteFact[] {
  return writes.filter(({ number }) => verdict.coveredBy.get(number)?.id === cycle.id);
}

function whatOf({ source, detail }: WriteFact): string {
  return source === "file-write" ? detail : `${source} ${detail}`;
}

function retried(writes: readonly WriteFact[]): number {
  return writes.filter(({ attempts }) => attempts > 1).length;
}

/** How often each decision was made, by which rule: {"fired/window": 1}. */
function decisionsOf(writes: readonly WriteFact[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { receipt } of writes) {
    const name = receipt === undefined ? "failed" : `${receipt.decision}/${receipt.rule}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
