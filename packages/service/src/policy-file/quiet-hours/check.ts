/**
 * What makes quiet hours impossible. Nothing here asks what time it is: a file that can be used can be used tomorrow, and
 * by the process that starts then.
 */
import { timesOf } from "./intervals.ts";
import { WallClock } from "./wall-clock.ts";
import {
  CronTimes,
  isDate,
  OneTime,
  type WallWindow,
  type WindowFields,
  wallTimesOf,
  wallWindowOf,
} from "./wall-times.ts";

const DAY_MS = 86_400_000;
const DAYS_A_WEEK = 7;
const MOST_A_WEEK = 200;
/** Days that are looked at for those of a week: on which it comes, from the first on. */
const DAYS_LOOKED_AT = 60;
/** A year of its own: leap, and further ahead than a year that anybody names. */
const SAMPLE_YEAR = { fromMs: Date.UTC(2400, 0, 1), toMs: Date.UTC(2401, 0, 1) };
/** Intervals that follow each other without a gap; quiet hours of two a day reach through the year. */
const MOST_WITHOUT_GAP = 2_000;

/** Undefined when it is one. */
export function notATimeZone(name: string): string | undefined {
  if (isTimeZone(name)) return undefined;
  return isTimeZone("UTC")
    ? `expected an IANA time zone such as Europe/Berlin, got "${name}"`
    : "this Node knows no time zone at all, not even UTC: the files in ICU_TIMEZONE_FILES_DIR cannot be used";
}

function isTimeZone(name: string): boolean {
  try {
    new WallClock(name);
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a window, and with which of its fields; none of them: with both together. */
export function wrongWith(fields: WindowFields): { readonly field?: "from" | "until"; readonly problem: string }[] {
  const ends = (["from", "until"] as const).flatMap((field) => {
    const problem = wrongWithEnd(fields[field]);
    return problem === undefined ? [] : [{ field, problem }];
  });
  if (ends.length > 0) return ends;
  const problem = impossible(fields, wallWindowOf(fields));
  return problem === undefined ? [] : [{ problem }];
}

function wrongWithEnd(text: string): string | undefined {
  try {
    return wallTimesOf(text).next(0) === undefined ? `"${text}" never comes` : undefined;
  } catch (error) {
    const form = isDate(text) ? "a date such as 2026-12-20T00:00" : "a cron expression";
    return `expected ${form}, got "${text}": ${(error as Error).message}`;
  }
}

function impossible(fields: WindowFields, { from, until }: WallWindow): string | undefined {
  if (from instanceof OneTime) {
    const ends = until.next(from.atMs) !== undefined;
    return ends ? undefined : `until (${fields.until}) must come after from (${fields.from})`;
  }
  if (until instanceof OneTime) return "until is a date, so from must be one, too: a cron expression comes again";
  return beginsTooOften(from, until) ? `they begin more than ${MOST_A_WEEK} times a week` : undefined;
}

/** Whether windows that come again leave no time between them, ever. */
export function neverEnd(windows: readonly WindowFields[]): boolean {
  const recurring = windows.map(wallWindowOf).filter(({ from }) => from instanceof CronTimes);
  let at: number | undefined = SAMPLE_YEAR.fromMs;
  for (let followed = 0; followed < MOST_WITHOUT_GAP && at < SAMPLE_YEAR.toMs; followed += 1) {
    const ends: number[] = recurring.flatMap((window) => lastingUntil(window, at as number) ?? []);
    if (ends.length === 0) return false;
    at = Math.max(...ends);
  }
  return true;
}

/** When the window that lasts at that time ends, if one does. */
function lastingUntil({ from, until }: WallWindow, at: number): number | undefined {
  const start = from.previous(at);
  const end = start === undefined ? undefined : until.next(start);
  return end !== undefined && end > at ? end : undefined;
}

function beginsTooOften(from: CronTimes, until: CronTimes): boolean {
  const aDay = beginsOnADay(from, until);
  return aDay * DAYS_A_WEEK > MOST_A_WEEK && aDay * mostDaysOfAWeek(from) > MOST_A_WEEK;
}

/** How often it begins on a day on which both come; counted no further than what is too much in any case. */
function beginsOnADay(from: CronTimes, until: CronTimes): number {
  const untilMidnight = { next: (afterMs: number) => until.timesOfDay.next(afterMs) ?? DAY_MS };
  let begins = 0;
  for (const [start] of timesOf({ from: from.timesOfDay, until: untilMidnight }, 0)) {
    begins += 1;
    if (begins > MOST_A_WEEK || start >= DAY_MS) break;
  }
  return begins;
}

function mostDaysOfAWeek(times: CronTimes): number {
  const days: number[] = [];
  for (let day = times.dayAfter(0); day !== undefined && days.length < DAYS_LOOKED_AT; day = times.dayAfter(day)) {
    days.push(day);
  }
  return Math.max(...days.map((first) => days.filter((day) => day >= first && day < first + DAYS_A_WEEK).length));
}
