/**
 * When a window begins or ends, as people write it: a cron expression, or a date and time. All are wall times (see
 * `WallClock`): which of two comes first does not depend on how clocks are set.
 */
import { Cron, CronPattern } from "croner";

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
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?$/;

/** Whether it is meant as a date, not as a cron expression. */
export function isDate(text: string): boolean {
  return /^\d{4}-\d/.test(text);
}

/** @throws Error that says what is wrong with it */
export function wallTimesOf(text: string): CronTimes | OneTime {
  return isDate(text) ? new OneTime(text) : new CronTimes(text);
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
  /** Of a day on which it comes, ms after midnight, in order. */
  readonly timesOfDay: readonly number[];
  readonly #cron: Cron;
  readonly #dayAfter = new Map<number, number | undefined>();
  readonly #dayUpTo = new Map<number, number | undefined>();

  /** @throws Error that says what is wrong with it */
  constructor(expression: string) {
    // Without an offset every answer would go through Intl, at ten times the price.
    this.#cron = new Cron(expression, { utcOffset: 0, paused: true });
    const { second, minute, hour } = new CronPattern(expression);
    const times: number[] = [];
    for (const h of namedIn(hour))
      for (const m of namedIn(minute)) for (const s of namedIn(second)) times.push(((h * 60 + m) * 60 + s) * 1_000);
    this.timesOfDay = times;
  }

  next(afterMs: number): number | undefined {
    const day = Math.floor(afterMs / DAY_MS);
    const timeOfDay = afterMs - day * DAY_MS;
    if (timeOfDay < (this.timesOfDay.at(-1) as number) && this.dayAfter(day - 1) === day) {
      return day * DAY_MS + (this.timesOfDay[this.#countUpTo(timeOfDay)] as number);
    }
    const later = this.dayAfter(day);
    return later === undefined ? undefined : later * DAY_MS + (this.timesOfDay[0] as number);
  }

  previous(upToMs: number): number | undefined {
    const day = Math.floor(upToMs / DAY_MS);
    const timeOfDay = upToMs - day * DAY_MS;
    const isEarly = timeOfDay < (this.timesOfDay[0] as number);
    const found = this.#lastDayUpTo(isEarly ? day - 1 : day);
    if (found === undefined) return undefined;
    const count = found === day ? this.#countUpTo(timeOfDay) : this.timesOfDay.length;
    return found * DAY_MS + (this.timesOfDay[count - 1] as number);
  }

  /** The first day after that one on which it comes; days are counted from the epoch. */
  dayAfter(day: number): number | undefined {
    return remembered(this.#dayAfter, day, () => dayOf(this.#cron.nextRun(new Date((day + 1) * DAY_MS - 1))));
  }

  #lastDayUpTo(day: number): number | undefined {
    return remembered(this.#dayUpTo, day, () => dayOf(this.#cron.previousRuns(1, new Date((day + 1) * DAY_MS))[0]));
  }

  /** How many times of a day are not after that one. */
  #countUpTo(timeOfDay: number): number {
    let [low, high] = [0, this.timesOfDay.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.timesOfDay[middle] as number) <= timeOfDay) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function remembered(days: Map<number, number | undefined>, day: number, find: () => number | undefined) {
  if (!days.has(day)) {
    if (days.size >= DAYS_REMEMBERED) days.clear();
    days.set(day, find());
  }
  return days.get(day);
}

function dayOf(run: Date | null | undefined): number | undefined {
  return run == null ? undefined : Math.floor(run.getTime() / DAY_MS);
}

/** The library has a list with 0 or 1 for each number. */
function namedIn(flags: readonly number[]): number[] {
  return flags.flatMap((flag, number) => (flag === 1 ? [number] : []));
}
