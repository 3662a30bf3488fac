/** How the API shows what a shadow policy would have done: the week's sum, then day by day. */
import type { ShadowDay, ShadowReport } from "@restart-coordinator/debounce";

const DAY_MS = 86_400_000;
const DAYS_SHOWN = 7;

export function showShadow(workspaceId: string, { revision, now, since, cycleMs, record, realCycles }: ShadowReport) {
  const today = Math.floor(now / DAY_MS);
  const numbers = [...new Set([...Object.keys(record?.days ?? {}), ...Object.keys(realCycles)].map(Number))];
  const days = numbers
    .filter((day) => day > today - DAYS_SHOWN && day <= today)
    .sort((a, b) => a - b)
    .map((day) => ({
      date: new Date(day * DAY_MS).toISOString().slice(0, 10),
      ...shown(record?.days[day], realCycles[day]),
    }));
  const week = days.reduce(sum, shown(undefined, 0));
  return {
    workspaceId,
    revision,
    since: since === undefined ? null : new Date(since).toISOString(),
    cycleMs,
    ...week,
    shadow: {
      ...week.shadow,
      uncovered: record?.uncovered ?? 0,
      starts: (record?.starts ?? []).map((start) => new Date(start).toISOString()),
    },
    days,
  };
}

type Shown = ReturnType<typeof shown>;

function shown(day: ShadowDay | undefined, realCycles = 0) {
  const nothing = { decisions: {}, duringCycle: 0 };
  return {
    triggers: day?.triggers ?? 0,
    differing: day?.differing ?? 0,
    active: { ...(day?.active ?? nothing), cycles: realCycles },
    shadow: day?.shadow ?? { ...nothing, cycles: 0 },
  };
}

function sum(a: Shown, b: Shown): Shown {
  return {
    triggers: a.triggers + b.triggers,
    differing: a.differing + b.differing,
    active: sumOf(a.active, b.active),
    shadow: sumOf(a.shadow, b.shadow),
  };
}

function sumOf(a: Shown["active"], b: Shown["active"]): Shown["active"] {
  const decisions: Record<string, number> = { ...a.decisions };
  for (const [made, count] of Object.entries(b.decisions)) decisions[made] = (decisions[made] ?? 0) + count;
  return { decisions, duringCycle: a.duringCycle + b.duringCycle, cycles: a.cycles + b.cycles };
}
