/** What the console says of a workspace, in plain words. Pure: the same for every viewer but for the zone of the times. */
import { clockOf, countdownOf, durationOf, momentOf } from "./times.tsx";
import type { Covered, PolicyShown, RestartEvent, Workspace } from "./types.ts";

export interface Told {
  readonly headline: string;
  readonly more: string;
}

/** What it does now, what it waits for and what happens next. `now` by the server's clock, ms. */
export function sentenceOf(workspace: Workspace, now: number, policy?: PolicyShown): Told {
  const { restart, status } = workspace;
  const { phase, why, dueAt, cycle, heldUntil } = restart;
  const owed = why.length === 0 ? "" : whatHappened(why);
  if (status === "external") return told("Not restarted from here", "it is run elsewhere; triggers are refused");
  if (phase === "running" && cycle !== null) return runningSentence(workspace, cycle, now, owed);
  if (status === "removing") return told("Being removed", "a cycle stops it, then everything of it is forgotten");
  if (status === "paused" || status === "hibernated") {
    const verb = status === "paused" ? "resumed" : "woken";
    const kept = owed === "" ? "" : `; meanwhile ${owed}, which the cycle that starts it covers`;
    const by = workspace.pausedBy === null ? "" : ` together with ${workspace.pausedBy}`;
    return told(`${capital(status)}${by}`, `restarts are refused until it is ${verb}${kept}`);
  }
  if (restart.loop !== null) {
    const { source, reason, cycles } = restart.loop;
    const what = reason === "" ? source : `${source} (${reason})`;
    return told(
      "Restarts in a loop",
      `${what} followed each of the last ${cycles.length} restarts; nothing starts until a person asks or a change comes`,
    );
  }
  if (phase === "failed") {
    const error = restart.lastCycle?.error;
    const reason = error === undefined ? "" : `: ${error}`;
    return told(
      `Failed ${times(restart.failures)} in a row`,
      `nothing is tried until a person asks or a change comes${reason}`,
    );
  }
  if (phase === "held" && heldUntil !== null) {
    const until = Date.parse(heldUntil);
    const waits = owed === "" ? "nothing is owed so far" : `${owed}; it restarts when the hold ends`;
    return told(`Held for another ${countdownOf(until - now)}`, `until ${momentOf(until, now)}: ${waits}`);
  }
  if (phase === "backoff") {
    const error = restart.lastCycle?.error;
    const why = error === undefined ? "the last attempt failed" : `the last attempt failed (${error})`;
    return told(
      dueAt === null ? "Waits after a failure" : `Tries again in ${countdownOf(Date.parse(dueAt) - now)}`,
      owed === "" ? why : `${why}; ${owed}`,
    );
  }
  if (owed !== "" || phase === "scheduled") return scheduledSentence(workspace, now, owed, policy);
  return idleSentence(workspace, now);
}

function runningSentence(
  workspace: Workspace,
  cycle: NonNullable<Workspace["restart"]["cycle"]>,
  now: number,
  owed: string,
): Told {
  const verb = { restart: "Restarting", stop: "Stopping", remove: "Stopping, then removing" }[cycle.action];
  const attempt = cycle.attempt > 1 ? ` (attempt ${cycle.attempt})` : "";
  const covers = cycle.covers.length === 0 ? "" : whatHappened(cycle.covers);
  const { dueAt } = workspace.restart;
  const at = dueAt !== null && Date.parse(dueAt) > now ? `, at ${clockOf(Date.parse(dueAt))} at the earliest` : "";
  const next = owed === "" ? "" : `since it began ${owed}: another restart follows${at}`;
  return told(
    `${verb} for ${countdownOf(now - Date.parse(cycle.startedAt))}${attempt}`,
    [covers, next].filter(Boolean).join("; "),
  );
}

function scheduledSentence({ restart }: Workspace, now: number, owed: string, policy?: PolicyShown): Told {
  const { dueAt, because } = restart;
  const asked = owed === "" ? "it is to be started" : owed;
  if (dueAt === null) return told("Owed, and nothing starts it by itself", asked);
  const inMs = Date.parse(dueAt) - now;
  if (inMs <= 0) return told(`Due since ${countdownOf(-inMs)}`, `${asked}; it waits for a worker`);
  return told(`Restarts in ${countdownOf(inMs)}`, `${asked}; ${waitOf(restart, because, now, policy)}`);
}

/** What an owed restart waits for. */
function waitOf(restart: Workspace["restart"], because: string | null, now: number, policy?: PolicyShown): string {
  const { deadlineAt, why } = restart;
  const at = restart.dueAt === null ? "" : momentOf(Date.parse(restart.dueAt), now);
  switch (because) {
    case "quiet": {
      const latest = deadlineAt === null ? "" : `, at the latest ${momentOf(Date.parse(deadlineAt), now)}`;
      return `it waits until ${quietWords(why, policy)}${latest}`;
    }
    case "max-wait":
      return `more keeps coming, but it waits no longer than ${at}`;
    case "cooldown":
      return `it waits for the cooldown after the last restart, which ends at ${at}`;
    case "budget":
      return `the restart budget of the day is spent until ${at}`;
    case "hold":
      return `it is held until ${at}`;
    case "quiet-hours":
      return `quiet hours end at ${at}`;
    case "backoff":
      return `it waits after a failure until ${at}`;
    default:
      return `it starts at ${at}`;
  }
}

function quietWords(why: readonly Covered[], policy?: PolicyShown): string {
  const windows = why
    .map(({ source }) => ({ source, ...policy?.sources[source] }))
    .filter(({ trailing }) => trailing?.value);
  const longest = windows.reduce((most, { windowMs }) => Math.max(most, windowMs?.value ?? 0), 0);
  const isSaves = why.length === 1 && why[0]?.source === "file-write";
  const nothing = isSaves ? "nothing is saved" : "nothing more comes";
  return longest === 0 ? `${nothing} for a while` : `${nothing} for ${durationOf(longest)}`;
}

function idleSentence({ restart, status }: Workspace, now: number): Told {
  const { lastCycle } = restart;
  const state = status === "online" ? "Running, nothing is owed" : `${capital(status)}, nothing is owed`;
  if (lastCycle === null) return told(state, "it has not been restarted yet, or longer ago than is kept");
  const { startedAt, endedAt, covers, outcome } = lastCycle;
  const what = covers.length === 0 ? "" : `, because ${whatHappened(covers)}`;
  const took = durationOf(Date.parse(endedAt) - Date.parse(startedAt));
  const ended = outcome === "ok" ? `; it took ${took}` : `; it ended as ${outcome} after ${took}`;
  return told(state, `last restarted at ${momentOf(Date.parse(startedAt), now)}${what}${ended}`);
}

/** "9 files were saved and ann asked for it". */
export function whatHappened(covers: readonly Covered[]): string {
  const parts = covers.map(sourceWords);
  return parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

function sourceWords({ source, count, files = [], moreFiles = 0, actors = [] }: Covered): string {
  const distinct = files.length + moreFiles;
  const by = actors.length === 1 ? (actors[0] as string) : "somebody";
  switch (source) {
    case "file-write":
      if (distinct > 0 && distinct < count)
        return `${plural(distinct, "file was", "files were")} saved, ${times(count)} in all`;
      return `${plural(count, "file was", "files were")} saved`;
    case "template-import":
      return `${plural(count, "template was", "templates were")} imported`;
    case "secret-change":
      return `${plural(count, "secret was", "secrets were")} changed`;
    case "plugin-change":
      return `${plural(count, "plugin was", "plugins were")} changed`;
    case "a2a-preflight":
      return `${plural(count, "pre-flight probe", "pre-flight probes")} failed`;
    case "liveness-offline":
      return `${plural(count, "probe", "probes")} found it offline`;
    case "startup":
      return "it was to be started";
    case "manual":
      return count > 1 ? `${by} asked for it ${times(count)}` : `${by} asked for it`;
    default:
      return `${source} came${count > 1 ? ` ${times(count)}` : ""}`;
  }
}

export const BECAUSE: Readonly<Record<string, string>> = {
  "at-once": "at once",
  quiet: "after a window without another",
  "max-wait": "the longest wait was over",
  cooldown: "the cooldown was over",
  budget: "the budget allowed it again",
  backoff: "the backoff was over",
  hold: "the hold was over",
  "quiet-hours": "the quiet hours were over",
  asked: "a person asked",
  desired: "it was resumed",
};

/** Why a trigger was decided as it was. */
export const RULES: Readonly<Record<string, string>> = {
  window: "its debounce window",
  cooldown: "the cooldown after the last restart",
  running: "a restart was running",
  pending: "something was owed already",
  held: "restarts were held",
  backoff: "a failed restart waited for its retry",
  breaker: "it had failed too often",
  budget: "the budget of the day was spent",
  "quiet-hours": "quiet hours",
  loop: "it restarted in a loop",
  paused: "it was paused",
  hibernated: "it was hibernated",
  external: "it is external",
  removed: "it was being removed",
  "parent-paused": "its parent was paused",
};

/** One line of what happened. */
export function eventWords({ event, payload }: RestartEvent): string {
  const { source = "", rule = "", actor = "", cycle = "", covers = [], error = "", reason } = payload;
  const ruled = `${rule}: ${RULES[rule] ?? rule}`;
  const by = actor === "" ? "" : ` by ${actor}`;
  const because = reason === undefined || reason === "" ? "" : `: ${reason}`;
  switch (event) {
    case "WORKSPACE_AUTO_RESTART_FIRED":
      return `Restart begins, ${BECAUSE[payload.because ?? ""] ?? payload.because}${covers.length > 0 ? `: ${whatHappened(covers)}` : ""}`;
    case "WORKSPACE_RESTART_COALESCED":
      return `${source} is owed a restart (${ruled})`;
    case "WORKSPACE_RESTART_DROPPED":
      return `${source} is dropped (${ruled})`;
    case "WORKSPACE_RESTART_REFUSED":
      return `${source} is refused (${ruled})`;
    case "WORKSPACE_RESTARTING_MID_WRITE":
      return `${(payload.files ?? payload.reasons ?? []).join(", ") || source} came while ${cycle} ran`;
    case "WORKSPACE_PROVISIONING":
      return `Attempt ${payload.attempt} begins (${payload.how})`;
    case "WORKSPACE_ONLINE":
      return `Online again after ${durationOf(payload.durationMs ?? 0)}`;
    case "WORKSPACE_OFFLINE":
      return `Stopped after ${durationOf(payload.durationMs ?? 0)}`;
    case "WORKSPACE_DOWN":
      return "Found down";
    case "WORKSPACE_RESTART_FAILED":
      return `Attempt failed: ${error}`;
    case "WORKSPACE_RESTART_DECLINED":
      return `Declined before anything was touched: ${error}`;
    case "WORKSPACE_RESTART_CANCELED":
      return `Canceled${by}${because}`;
    case "WORKSPACE_RESTART_FLUSHED":
      return `Made due now${by}`;
    case "WORKSPACE_RESTART_LOOP":
      return `Found in a loop: ${source}`;
    case "WORKSPACE_RESTART_BUDGET_SPENT":
      return "The restart budget of the day is spent";
    case "WORKSPACE_PAUSED":
      return `${payload.desired === "hibernated" ? "Hibernated" : "Paused"}${by}${because}`;
    case "WORKSPACE_RESUMED":
      return `Started again${by}${because}`;
    case "WORKSPACE_HELD":
      return `Held${by}${because}`;
    case "WORKSPACE_RELEASED":
      return `Released${by}`;
    case "WORKSPACE_REMOVED":
      return `Removed${by}`;
    default:
      return event;
  }
}

export function plural(count: number, one: string, many: string): string {
  if (count === 1) return /^[aeiou]/.test(one) ? `an ${one}` : `a ${one}`;
  return `${count.toLocaleString("en")} ${many}`;
}

export function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count.toLocaleString("en")} times`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function told(headline: string, more: string): Told {
  return { headline, more };
}
