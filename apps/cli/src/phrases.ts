/** How a workspace stands, in words. Pure: `now` is given. */
import type { Covered, Event, Hold, Policy, Workspace } from "./answers.ts";
import { oneLine } from "./output.ts";

/** One line: what will happen, when, and why. */
export function outlook({ status, restart }: Workspace, now: number, policy?: Policy): string {
  const { phase, dueAt, why, cycle, heldUntil, lastCycle, failures } = restart;
  const because = why.length === 0 ? "" : `, because of ${causes(why)}`;
  if (phase === "running") {
    const verb = cycle?.action === "restart" ? "restarting" : "stopping";
    const attempt = (cycle?.attempt ?? 1) > 1 ? ` (attempt ${cycle?.attempt})` : "";
    const covered = cycle?.covers.length ? `, because of ${causes(cycle.covers)}` : "";
    const next = why.length === 0 ? "" : `; again after it${because}`;
    return `${verb} for ${sinceOf(restart.startedAt, now)}${attempt}${covered}${next}`;
  }
  if (phase === "held") {
    return `held until ${clock(heldUntil)}${heldBy(restart.holds)}${why.length === 0 ? "" : `; owed${because}`}`;
  }
  if (phase === "backoff") {
    return `failed ${times(failures)}${errorOf(lastCycle)}; tries again ${inTime(dueAt, now)}`;
  }
  if (phase === "failed") {
    return `failed ${times(failures)}${errorOf(lastCycle)}; waits for a person or a change`;
  }
  if (phase === "scheduled") {
    const what = status === "paused" || status === "hibernated" ? "stops" : "restarts";
    return `${what} ${inTime(dueAt, now)}${latest(why, dueAt, policy)}${because}`;
  }
  return why.length === 0 ? "nothing is owed" : `owed, and not by itself${because}`;
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

/** What an event says beside its name. */
export function details({ payload }: Event): string {
  const { covers, ...rest } = payload as { covers?: Covered[] };
  const scalars = Object.entries(rest)
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value) && value !== "")
    .map(([name, value]) => `${name}=${/_at$|_until$/.test(name) ? clock(Number(value)) : String(value)}`);
  const why = Array.isArray(covers) && covers.length > 0 ? [causes(covers)] : [];
  return oneLine([...why, ...scalars].join(" "));
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
