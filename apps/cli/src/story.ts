/**
 * What a person who was asleep makes of `GET /workspaces/{id}/activity`: the story of a workspace, minute by minute. Reads
 * nothing but that JSON: no log, no Redis, no policy. Pure, but for the zone of the process, in which times are told.
 */

import { oneLine } from "./output.ts";

/** An entry of the activity, as the API gives it. */
export interface Told {
  readonly event: string;
  readonly timestamp: string;
  readonly payload: Payload;
}

interface Payload {
  readonly source?: string;
  readonly rule?: string;
  readonly cycle?: string;
  readonly because?: string;
  readonly auto?: boolean;
  readonly attempt?: number;
  readonly how?: string;
  readonly askedAt?: string;
  readonly startedAt?: string;
  readonly dueAt?: string;
  readonly durationMs?: number;
  readonly error?: string;
  readonly covers?: readonly Covered[];
  readonly dropped?: readonly Dropped[];
  readonly midWrites?: readonly { readonly source: string; readonly count: number }[];
  readonly files?: readonly string[];
  readonly reasons?: readonly string[];
  readonly steps?: readonly Step[];
  readonly instance?: unknown;
  readonly instanceBefore?: unknown;
  readonly actor?: string;
  readonly reason?: string;
  readonly heldUntil?: string;
  readonly untilAt?: string;
  readonly retryAt?: string;
  readonly triggers?: number;
  readonly waitsFor?: string;
  readonly cascadeFrom?: string;
}

export interface Covered {
  readonly source: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly reasons?: readonly string[];
  readonly actors?: readonly string[];
  readonly files?: readonly string[];
}

interface Dropped {
  readonly source: string;
  readonly rule: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

interface Step {
  readonly name: string;
  readonly startedAt: string;
  readonly durationMs?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface Cycle {
  readonly id: string;
  readonly startedAt: number;
  readonly because: string;
  readonly covers: readonly Covered[];
  endedAt?: number;
  outcome?: string;
  midWrites: number;
}

export interface Story {
  readonly cycles: readonly Cycle[];
  /** At least as many: what came after the last cycle is counted only once another begins or ends. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Minute by minute. */
  readonly lines: readonly string[];
}

const BECAUSE: Readonly<Record<string, string>> = {
  "at-once": "at once",
  quiet: "after a window without another",
  "max-wait": "the longest wait was over",
  cooldown: "the cooldown was over",
  backoff: "the backoff was over",
  hold: "the hold was over",
  asked: "a person asked",
  desired: "it was resumed",
  budget: "the day's budget allowed it again",
  "quiet-hours": "the quiet hours were over",
};

/** What people did, and what held a restart back. */
const SAID: Readonly<Record<string, (payload: Payload) => string>> = {
  WORKSPACE_HELD: ({ actor, heldUntil, reason }) =>
    `restarts are held until ${clock(heldUntil ?? 0)}${by(actor)}${of(reason)}`,
  WORKSPACE_RELEASED: ({ actor }) => `the hold is ended${by(actor)}`,
  WORKSPACE_RESTART_FLUSHED: ({ actor }) => `what is owed is due now${by(actor)}`,
  WORKSPACE_RESTART_CANCELED: ({ actor, triggers = 0, reason, source }) =>
    source === undefined
      ? `${triggers} triggers are canceled${by(actor)}${of(reason)}`
      : `the retry is superseded: ${source}`,
  WORKSPACE_RESTART_REFUSED: ({ source, rule, reasons = [] }) => `${source} is refused (${rule})${of(reasons[0])}`,
  WORKSPACE_PAUSED: ({ actor, reason, cascadeFrom }) => `it shall stop${by(actor)}${of(reason)}${along(cascadeFrom)}`,
  WORKSPACE_RESUMED: ({ actor, reason, waitsFor, cascadeFrom }) =>
    `it shall run${by(actor)}${of(reason)}${along(cascadeFrom)}${waitsFor === undefined ? "" : `, and waits (${waitsFor})`}`,
  WORKSPACE_RESTART_LOOP: ({ source, reason }) =>
    `a loop: ${source} followed each of the last restarts${of(reason)}; nothing restarts by itself until a person or a change asks`,
  WORKSPACE_RESTART_BUDGET_SPENT: ({ untilAt }) =>
    `the day's budget is spent: automatic restarts wait${untilAt === undefined ? "" : ` until ${clock(untilAt)}`}`,
  WORKSPACE_REMOVED: ({ actor }) => `it is removed${by(actor)}`,
};

const by = (actor?: string): string => (actor ? ` by ${actor}` : "");
const of = (reason?: string): string => (reason ? `: ${reason}` : "");
const along = (ancestor?: string): string => (ancestor === undefined ? "" : `, with its ancestor ${ancestor}`);

/** Takes the pages as the API gives them, newest first. */
export function storyOf(newestFirst: readonly Told[]): Story {
  const told = newestFirst.toReversed();
  const lines = told.flatMap(linesOf).sort((a, b) => a.at - b.at);
  return { cycles: cyclesOf(told), dropped: droppedOf(told), lines: byMinute(lines) };
}

function cyclesOf(told: readonly Told[]): Cycle[] {
  const cycles = new Map<string, Cycle>();
  for (const { event, timestamp, payload } of told) {
    const { cycle: id = "", because = "", covers = [], midWrites = [] } = payload;
    const at = Date.parse(timestamp);
    if (event === "WORKSPACE_AUTO_RESTART_FIRED") cycles.set(id, { id, startedAt: at, because, covers, midWrites: 0 });
    const cycle = cycles.get(id);
    if (cycle === undefined || payload.durationMs === undefined) continue;
    cycle.endedAt = at;
    cycle.outcome = event;
    cycle.midWrites = midWrites.reduce((sum, { count }) => sum + count, 0);
  }
  return [...cycles.values()];
}

/** Per source. An event tells of the first; the next event of a cycle counts them all. */
function droppedOf(told: readonly Told[]): Record<string, number> {
  const counted: Record<string, number> = {};
  const uncounted: Record<string, number> = {};
  for (const { event, payload } of told) {
    const { source = "", dropped = [] } = payload;
    if (event === "WORKSPACE_RESTART_DROPPED") uncounted[source] = (uncounted[source] ?? 0) + 1;
    for (const { source: of, count } of dropped) {
      counted[of] = (counted[of] ?? 0) + count;
      delete uncounted[of];
    }
  }
  for (const [source, count] of Object.entries(uncounted)) counted[source] = (counted[source] ?? 0) + count;
  return counted;
}

interface Line {
  readonly at: number;
  readonly text: string;
}

function linesOf({ event, timestamp, payload }: Told): Line[] {
  const at = Date.parse(timestamp);
  const { source, rule, cycle, dropped = [] } = payload;
  const counts = dropped.map((one) => ({ at, text: `  dropped until here: ${droppedText(one)}` }));
  switch (event) {
    case "WORKSPACE_AUTO_RESTART_FIRED": {
      const asked = `first asked for at ${clock(payload.askedAt ?? timestamp)}`;
      const because = BECAUSE[payload.because ?? ""] ?? payload.because;
      const covers = (payload.covers ?? []).flatMap((covered) => ({ at, text: `  it covers ${coveredText(covered)}` }));
      return [{ at, text: `cycle ${cycle} starts: ${because}; ${asked}` }, ...covers, ...counts];
    }
    case "WORKSPACE_PROVISIONING":
      return payload.how === "new" ? [] : [{ at, text: `attempt ${payload.attempt} (${payload.how})` }];
    case "WORKSPACE_RESTART_COALESCED":
      return [{ at, text: `${source}: another cycle is owed from here on (${rule})` }];
    case "WORKSPACE_RESTART_DROPPED":
      return [{ at, text: `${source} is dropped (${rule})` }];
    case "WORKSPACE_RESTARTING_MID_WRITE":
      return [
        { at, text: `${source} while cycle ${cycle} runs: ${(payload.files ?? payload.reasons ?? []).join(", ")}` },
      ];
    default:
      if (payload.durationMs !== undefined) return endOf(at, event, payload, counts);
      return [{ at, text: SAID[event]?.(payload) ?? event }];
  }
}

function endOf(at: number, event: string, payload: Payload, counts: readonly Line[]): Line[] {
  const { durationMs = 0, instanceBefore, instance, error } = payload;
  const steps = (payload.steps ?? []).map(({ name, startedAt, durationMs: took, detail }) => ({
    at: Date.parse(startedAt),
    text: `  ${name} ${idOf(detail)}, ${(took ?? 0) / 1_000} s`,
  }));
  const meanwhile = (payload.midWrites ?? []).map(({ source, count }) => ({
    at,
    text: `  while it ran: ${count} × ${source}`,
  }));
  const next = payload.retryAt === undefined ? "" : `; the next try is at ${clock(payload.retryAt)}`;
  const how = `${event} after ${durationMs / 1_000} s${error === undefined ? "" : `: ${error}`}${next}`;
  const instances = instance === undefined ? "" : `, ${idOf(instanceBefore)} → ${idOf(instance)}`;
  return [...steps, { at, text: `cycle ${payload.cycle} ends: ${how}${instances}` }, ...meanwhile, ...counts];
}

function coveredText({ source, count, firstAt, lastAt, actors = [], files, reasons = [] }: Covered): string {
  const when = firstAt === lastAt ? `at ${clock(firstAt)}` : `from ${clock(firstAt)} to ${clock(lastAt)}`;
  const what = (files ?? reasons).filter((text) => text !== "").toReversed();
  return `${count} × ${source} by ${actors.join(", ")}, ${when}${what.length === 0 ? "" : `: ${what.join(", ")}`}`;
}

function droppedText({ source, rule, count, firstAt, lastAt }: Dropped): string {
  const when = firstAt === lastAt ? `at ${clock(firstAt)}` : `from ${clock(firstAt)} to ${clock(lastAt)}`;
  return `${count} × ${source} (${rule}), ${when}`;
}

function idOf(instance: unknown): string {
  const { instanceId } = (instance ?? {}) as { instanceId?: string };
  return instanceId ?? "no instance";
}

/** Where the process is: "22:01:26.400". */
function clock(at: number | string): string {
  return local(at).slice(11, 23);
}

function local(at: number | string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
}

function byMinute(lines: readonly Line[]): string[] {
  const told: string[] = [];
  let minute = "";
  for (const { at, text } of lines) {
    const time = local(at);
    if (time.slice(0, 16) !== minute) {
      minute = time.slice(0, 16);
      told.push(minute.replace("T", " "));
    }
    told.push(`  ${time.slice(17, 23)}  ${oneLine(text)}`);
  }
  return told;
}
