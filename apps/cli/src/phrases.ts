/** How a workspace stands, in words. Pure: `now` is given. */
import type { Covered, Event, Hold, Policy, Receipt, Workspace } from "./answers.ts";
import { oneLine } from "./output.ts";

/** One line: what will happen, when, and why. */
export function outlook({ status, restart, down }: Workspace, now: number, policy?: Policy): string {
  const { phase, dueAt, why, cycle, heldUntil, lastCycle, failures, declines } = restart;
  const because = why.length === 0 ? "" : `, because of ${causes(why)}`;
  if (phase === "running") {
    const verb = cycle?.action === "restart" ? "restarting" : "stopping";
    const attempt = (cycle?.attempt ?? 1) > 1 ? ` (attempt ${cycle?.attempt})` : "";
    const covered = cycle?.covers.length ? `, because of ${causes(cycle.covers)}` : "";
    const next = why.length === 0 ? "" : `; again after it${because}`;
    const stopping = cycle?.stopAsked ? ", asked to stop at its next safe point" : "";
    return `${verb} for ${sinceOf(restart.startedAt, now)}${attempt}${stopping}${covered}${next}`;
  }
  if (phase === "held") {
    const owed = why.length === 0 ? "" : `; owed${because}`;
    if (heldUntil !== null) return `held until ${clock(heldUntil)}${heldBy(restart.holds)}${owed}`;
    const until = restart.budgetUntil === null ? "" : ` until ${clock(restart.budgetUntil)}`;
    return `the day's budget is spent: waits${until}, or for a person${owed}`;
  }
  if (phase === "backoff" && failures === 0 && declines === 0 && down !== null) {
    return `went down ${times(down.crashes)} soon after a restart; restarts ${inTime(dueAt, now)}`;
  }
  if (phase === "backoff") {
    const what = declines > 0 ? `declined ${times(declines)}` : `failed ${times(failures)}`;
    return `${what}${errorOf(lastCycle)}; tries again ${inTime(dueAt, now)}`;
  }
  if (phase === "failed" && restart.loop !== null) {
    const { source, reason } = restart.loop;
    return `a loop: ${source} followed each of the last restarts (${oneLine(reason)}); waits for a person or a change`;
  }
  if (phase === "failed") {
    return `failed ${times(failures)}${errorOf(lastCycle)}; waits for a person or a change`;
  }
  if (phase === "scheduled") {
    const what = status === "paused" || status === "hibernated" ? "stops" : "restarts";
    const isAhead = dueAt !== null && Date.parse(dueAt) > now;
    const waits = isAhead ? (WAITS[restart.because ?? ""] ?? "") : "";
    return `${what} ${inTime(dueAt, now)}${waits}${latest(why, dueAt, policy)}${because}`;
  }
  return why.length === 0 ? "nothing is owed" : `owed, and not by itself${because}`;
}

/** What a restart that is owed waits for, by the state's `because`. */
const WAITS: Readonly<Record<string, string>> = {
  quiet: " unless more comes",
  "max-wait": ", the longest wait",
  cooldown: ", when the cooldown is over",
  backoff: ", when the backoff is over",
  budget: ", when the day's budget allows it",
  hold: ", when the hold is over",
  "quiet-hours": ", when the quiet hours are over",
};

/** How it was seen last, in a word: how long ago alive, or since when not. */
export function seen({ seenAt, down }: Workspace, now: number): string {
  if (down !== null) return `down for ${sinceOf(down.since, now)}`;
  return seenAt === null ? "-" : `${sinceOf(seenAt, now)} ago`;
}

/** What workers have seen of it, a line each. */
export function sightings({ status, seenAt, down, stray, drift }: Workspace, now: number): string[] {
  const lines = [];
  if (down !== null) lines.push(`down  for ${sinceOf(down.since, now)}: ${oneLine(down.seen)}`);
  else if (status === "unknown") {
    lines.push(`seen  ${seenAt === null ? "never" : `last ${sinceOf(seenAt, now)} ago`}: no worker looks at it`);
  } else if (seenAt !== null) lines.push(`seen  alive ${sinceOf(seenAt, now)} ago`);
  if (stray !== null) lines.push(`stray ${oneLine(stray)}`);
  if (drift !== null) {
    lines.push(oneLine(`drift for ${sinceOf(drift.since, now)}: runs with another ${drift.fields.join(", ")}`));
  }
  return lines;
}

/** " by ann (deploying), bob". */
function heldBy(holds: readonly Hold[]): string {
  if (holds.length === 0) return "";
  const named = holds.map(({ owner, reason }) => (reason === null ? owner : `${owner} (${oneLine(reason)})`));
  return ` by ${[...new Set(named)].join(", ")}`;
}

/** "9 file writes, 1 manual". */
export function causes(covers: readonly Covered[]): string {
  return covers.map(({ source, count }) => `${count} ${named(source, count)}`).join(", ");
}

/** "coalesced (window), due 14:03:20". */
export function decided({ decision, rule, dueAt }: Receipt): string {
  return `${decision} (${rule})${dueAt === null ? "" : `, due ${clock(dueAt)}`}`;
}

export function clock(time: string | number | null): string {
  return time === null ? "?" : new Date(time).toTimeString().slice(0, 8);
}

/** A span in words: "12 s", "3 min", "2 h". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

/** What an event says beside its name: what it covers, who asked and why, the files, and the rest by its names. */
export function details({ payload }: Event): string {
  const { covers, reason, reasons, actor, actors, files, error, ...rest } = payload;
  const scalars = Object.entries(rest)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value) && value !== "")
    .map(([name, value]) => `${name}=${/(At|Until)$/.test(name) ? clock(String(value)) : String(value)}`);
  const covered = (Array.isArray(covers) ? (covers as Covered[]) : []).map(
    (each) => `${causes([each])}${told(each.reasons, each.actors, each.files)}`,
  );
  const own = told(textsOf(reason ?? reasons), textsOf(actor ?? actors), textsOf(files)).trim();
  const failed = error === undefined ? [] : [`error: ${String(error)}`];
  return oneLine([...covered, own, ...scalars, ...failed].filter((part) => part !== "").join(" "));
}

const MOST_NAMED = 3;

/** " (by ann: a.txt, b.txt, …)": files say more than "wrote a.txt". */
function told(reasons: readonly string[] = [], actors: readonly string[] = [], files: readonly string[] = []): string {
  const what = some(files.length > 0 ? files : reasons);
  const who = actors.length === 0 ? "" : `by ${some(actors)}`;
  const text = [who, what].filter((part) => part !== "").join(": ");
  return text === "" ? "" : ` (${text})`;
}

function some(texts: readonly string[]): string {
  const said = texts.filter((text) => text !== "");
  return `${said.slice(0, MOST_NAMED).join(", ")}${said.length > MOST_NAMED ? ", …" : ""}`;
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** The end of the longest wait, where changes that go on could still move the start. */
function latest(why: readonly Covered[], dueAt: string | null, policy: Policy | undefined): string {
  const ends = why.flatMap(({ source, firstAt }) => {
    const rule = policy?.sources[source];
    return rule?.trailing.value && rule.maxWaitMs.value > 0 ? [Date.parse(firstAt) + rule.maxWaitMs.value] : [];
  });
  const end = Math.min(...ends);
  return dueAt !== null && Number.isFinite(end) && end > Date.parse(dueAt) ? `, latest ${clock(end)}` : "";
}

function named(source: string, count: number): string {
  const words = source.replaceAll("-", " ");
  return count !== 1 && /(write|change|import)$/.test(words) ? `${words}s` : words;
}

function inTime(dueAt: string | null, now: number): string {
  if (dueAt === null) return "when it is asked";
  const ms = Date.parse(dueAt) - now;
  return ms <= 0 ? "now" : `in ${span(ms)}`;
}

function sinceOf(startedAt: string | null, now: number): string {
  return span(startedAt === null ? 0 : now - Date.parse(startedAt));
}

function errorOf(lastCycle: Workspace["restart"]["lastCycle"]): string {
  return lastCycle?.error === undefined ? "" : ` (${oneLine(lastCycle.error)})`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
