/**
 * Quiet hours as people write them, cron expressions in a time zone, and the intervals they come to. Only those go to
 * Redis, whose own clock says whether one of them is now; this process' clock only says which of them are worth sending.
 */
import type { QuietHours, QuietInterval } from "@restart-coordinator/debounce";
import { Cron } from "croner";
import type { QuietHoursFields } from "./schema.ts";

export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

const DAY_MS = 86_400_000;
/** Also how late the last interval of a span may end after it. */
const LONGEST_MS = 7 * DAY_MS;
const MOST_A_WEEK = 200;

/** What a running process needs: what has just ended, what is now, and what comes within the time a hold may last. */
export function aroundNow(nowMs: number): TimeSpan {
  return { fromMs: nowMs - DAY_MS, toMs: nowMs + 8 * DAY_MS };
}

/** The intervals that touch the span, apart from each other, in order. */
export function quietHoursIn({ windows, timeZone, except = [] }: QuietHoursFields, span: TimeSpan): QuietHours {
  const found = windows.flatMap(({ from, until }) => intervalsOf(cron(from, timeZone), cron(until, timeZone), span));
  return { intervals: joined(found), except };
}

/** What makes quiet hours impossible, if anything does; `at` names the field. */
export function impossibleQuietHours(quietHours: QuietHoursFields, nowMs: number): string | undefined {
  const { windows, timeZone } = quietHours;
  for (const [index, window] of windows.entries()) {
    for (const [name, expression] of Object.entries(window)) {
      try {
        if (cron(expression, timeZone).nextRun(new Date(nowMs)) === null) {
          return `quietHours.windows.${index}.${name}: "${expression}" never comes`;
        }
      } catch (error) {
        return isTimeZone(timeZone)
          ? `quietHours.windows.${index}.${name}: expected a cron expression, got "${expression}": ${(error as Error).message}`
          : `quietHours.timeZone: expected an IANA time zone such as Europe/Berlin, got "${timeZone}"`;
      }
    }
  }
  const week = { fromMs: nowMs, toMs: nowMs + LONGEST_MS };
  const startingIn = (window: { from: string; until: string }) =>
    intervalsFrom(nowMs, cron(window.from, timeZone), cron(window.until, timeZone), week, MOST_A_WEEK + 1);
  const tooOften = windows.findIndex((window) => startingIn(window).length > MOST_A_WEEK);
  if (tooOften !== -1) return `quietHours.windows.${tooOften}: they begin more than ${MOST_A_WEEK} times a week`;
  const { intervals } = quietHoursIn(quietHours, week);
  const endless = intervals.some(([start, end]) => end - start >= LONGEST_MS);
  return endless ? "quietHours: they last for a week or longer, so changes would not be seen: leave a gap" : undefined;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function cron(expression: string, timezone: string): Cron {
  return new Cron(expression, { timezone, paused: true });
}

function intervalsOf(from: Cron, until: Cron, span: TimeSpan): QuietInterval[] {
  // One that began before the span may reach into it.
  return intervalsFrom(span.fromMs - LONGEST_MS, from, until, span, MOST_EVER);
}

/** From each start to the next end after it; starts within are passed over. */
function intervalsFrom(firstMs: number, from: Cron, until: Cron, { fromMs, toMs }: TimeSpan, most: number) {
  const intervals: QuietInterval[] = [];
  let looked = firstMs - 1;
  while (looked < toMs && intervals.length < most) {
    const start = from.nextRun(new Date(looked))?.getTime();
    const end = start === undefined ? undefined : until.nextRun(new Date(start))?.getTime();
    if (start === undefined || end === undefined || start >= toMs) break;
    if (end > fromMs) intervals.push([start, end]);
    // The next may start at the moment at which this one ends.
    looked = end - 1;
  }
  return intervals;
}

const MOST_EVER = 10_000;

function joined(intervals: readonly QuietInterval[]): QuietInterval[] {
  const result: [number, number][] = [];
  for (const [start, end] of [...intervals].sort(([a], [b]) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}
