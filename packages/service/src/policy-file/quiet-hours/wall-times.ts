/**
 * When a window begins or ends, as people write it: a cron expression, or a date and time. All are wall times (see
 * `WallClock`): which of two comes first does not depend on how clocks are set.
 */
import { Cron } from "croner";
import { TimesOfDay } from "./times-of-day.ts";

/** The times at which something comes, wall times. */
export interface WallTimes {
  /** The first after that one; undefined when none comes any more. */
  next(afterMs: number): number | undefined;
  /** The last that is not after that one. */
  previous(upToMs: number): number | undefined;
}

const DAY_MS = 86_400_000;
/** A process that runs for years need not remember all of them. */
const DAYS_REMEMBERED = 100;
const CRONS_KEPT = 100;
/** Twice what a file may have. */
const TIMES_KEPT = 1_000;
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?$/;

/** Whether it is meant as a date, not as a cron expression. */
export function isDate(text: string): boolean {
  return /^\d{4}-\d/.test(text);
}

/** A window as people write it. */
export interface WindowFields {
  readonly from: string;
  readonly until: string;
}

/** A window on the wall clock. */
export interface WallWindow {
  readonly from: CronTimes | OneTime;
  readonly until: CronTimes | OneTime;
}

/** @throws Error that says what is wrong with it */
export function wallWindowOf({ from, until }: WindowFields): WallWindow {
  return { from: wallTimesOf(from), until: wallTimesOf(until) };
}

const known = new Map<string, CronTimes | OneTime>();

/** Many windows may share one; it is read once. @throws Error that says what is wrong with it */
export function wallTimesOf(text: string): CronTimes | OneTime {
  return remembered(known, text, () => (isDate(text) ? new OneTime(text) : new CronTimes(text)), TIMES_KEPT);
}

export class OneTime implements WallTimes {
  readonly atMs: number;

  /** @throws Error that says what is wrong with it */
  constructor(text: string) {
    const [date = "", time = "00:00"] = text.split(/[T ]/);
    this.atMs = Date.parse(`${date}T${time}Z`);
    // A day that no month has becomes one of the next.
    const exists = DATE.test(text) && !Number.isNaN(this.atMs) && new Date(this.atMs).toISOString().startsWith(date);
    if (!exists) throw new Error("expected a day that exists, a time or none, and no zone: it is a time of timeZone");
  }

  next(afterMs: number): number | undefined {
    return this.atMs > afterMs ? this.atMs : undefined;
  }

  previous(upToMs: number): number | undefined {
    return this.atMs <= upToMs ? this.atMs : undefined;
  }
}

/**
 * A cron expression. It comes on some days, on each of them at the same times: the library finds the days, and is asked
 * for each of them once.
 */
export class CronTimes implements WallTimes {
  readonly timesOfDay: TimesOfDay;
  readonly #expression: string;
  readonly #dayAfter = new Map<number, number | undefined>();
  readonly #dayUpTo = new Map<number, number | undefined>();

  /** @throws Error that says what is wrong with it */
  constructor(expression: string) {
    this.timesOfDay = new TimesOfDay(expression);
    this.#expression = expression;
  }

  next(afterMs: number): number | undefined {
    const day = Math.floor(afterMs / DAY_MS);
    const onThatDay = this.#isDay(day) ? this.timesOfDay.next(afterMs - day * DAY_MS) : undefined;
    if (onThatDay !== undefined) return day * DAY_MS + onThatDay;
    const later = this.dayAfter(day);
    return later === undefined ? undefined : later * DAY_MS + this.timesOfDay.first;
  }

  previous(upToMs: number): number | undefined {
    const day = Math.floor(upToMs / DAY_MS);
    const onThatDay = this.#isDay(day) ? this.timesOfDay.previous(upToMs - day * DAY_MS) : undefined;
    if (onThatDay !== undefined) return day * DAY_MS + onThatDay;
    const earlier = this.#dayBefore(day);
    return earlier === undefined ? undefined : earlier * DAY_MS + this.timesOfDay.last;
  }

  /** The first day after that one on which it comes; days are counted from the epoch. */
  dayAfter(day: number): number | undefined {
    const find = () => dayOf(cronOf(this.#expression).nextRun(new Date((day + 1) * DAY_MS - 1)));
    return remembered(this.#dayAfter, day, find, DAYS_REMEMBERED);
  }

  #dayBefore(day: number): number | undefined {
    // Looking back costs ten times as much as looking ahead.
    if (this.#isDay(day - 1)) return day - 1;
    const find = () => dayOf(cronOf(this.#expression).previousRuns(1, new Date(day * DAY_MS))[0]);
    return remembered(this.#dayUpTo, day, find, DAYS_REMEMBERED);
  }

  #isDay(day: number): boolean {
    return this.dayAfter(day - 1) === day;
  }
}

/** The library's objects hold a list of ten thousand years each: few are kept. */
const crons = new Map<string, Cron>();

function cronOf(expression: string): Cron {
  // Without an offset every answer would go through Intl, at ten times the price.
  return remembered(crons, expression, () => new Cron(expression, { utcOffset: 0, paused: true }), CRONS_KEPT);
}

function remembered<Key, Value>(known: Map<Key, Value>, key: Key, find: () => Value, most: number): Value {
  if (!known.has(key)) {
    if (known.size >= most) known.clear();
    known.set(key, find());
  }
  return known.get(key) as Value;
}

function dayOf(run: Date | null | undefined): number | undefined {
  return run == null ? undefined : Math.floor(run.getTime() / DAY_MS);
}
