/**
 * The clock on a wall of a time zone. What it shows is written as a number as if it were UTC's ("wall time"), so that
 * wall times can be compared and reckoned with as if no clock were ever set.
 */
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A stretch of time in which the clock is not set: at an instant within, it shows instant + offset. */
interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
  readonly offsetMs: number;
}

/** Making one takes longer than all that is asked of it. */
const formats = new Map<string, Intl.DateTimeFormat>();

export class WallClock {
  readonly #format: Intl.DateTimeFormat;
  /** By days since the epoch, at the beginning of each UTC day that was looked at. */
  readonly #offsets = new Map<number, number>();
  /** By the UTC day in which the clock is set. */
  readonly #settings = new Map<number, number>();

  /** @throws RangeError when there is no such zone */
  constructor(timeZone: string) {
    this.#format = formats.get(timeZone) ?? new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
    formats.set(timeZone, this.#format);
  }

  /** What it shows at an instant. */
  shownAt(instantMs: number): number {
    const day = Math.floor(instantMs / DAY_MS);
    const offset = this.#offsetOfDay(day);
    return instantMs + (offset === this.#offsetOfDay(day + 1) ? offset : this.#offsetAt(instantMs));
  }

  /** The first instant at which it shows that time or a later one: where it was left out, that at which it is set. */
  firstAt(wallMs: number): number {
    const reached = this.#stretchesAround(wallMs).find(({ endMs, offsetMs }) => wallMs - offsetMs < endMs);
    return reached === undefined ? wallMs : Math.max(reached.startMs, wallMs - reached.offsetMs);
  }

  /** The end of the last instant at which it shows an earlier time: where that comes twice, the second time. */
  lastBefore(wallMs: number): number {
    const passed = this.#stretchesAround(wallMs).findLast(({ startMs, offsetMs }) => wallMs - offsetMs > startMs);
    return passed === undefined ? wallMs : Math.min(passed.endMs, wallMs - passed.offsetMs);
  }

  /** No zone is more than a day from UTC. */
  #stretchesAround(wallMs: number): Stretch[] {
    const day = Math.floor(wallMs / DAY_MS);
    const stretches: Stretch[] = [];
    let startMs = -Infinity;
    for (let within = day - 1; within <= day + 1; within += 1) {
      const offsetMs = this.#offsetOfDay(within);
      if (offsetMs === this.#offsetOfDay(within + 1)) continue;
      const endMs = this.#settingIn(within);
      stretches.push({ startMs, endMs, offsetMs });
      startMs = endMs;
    }
    return [...stretches, { startMs, endMs: Infinity, offsetMs: this.#offsetOfDay(day + 2) }];
  }

  /** The instant in that day at which the clock is set; no zone does so twice in a day. */
  #settingIn(day: number): number {
    const known = this.#settings.get(day);
    if (known !== undefined) return known;
    const offset = this.#offsetOfDay(day);
    let before = day * DAY_MS;
    let after = before + DAY_MS;
    while (after - before > 1_000) {
      const between = before + Math.floor((after - before) / 2_000) * 1_000;
      if (this.#offsetAt(between) === offset) before = between;
      else after = between;
    }
    this.#settings.set(day, after);
    return after;
  }

  #offsetOfDay(day: number): number {
    let offset = this.#offsets.get(day);
    if (offset === undefined) {
      offset = this.#offsetAt(day * DAY_MS);
      this.#offsets.set(day, offset);
    }
    return offset;
  }

  /** Intl writes it as GMT, GMT+02:00 or, long ago, GMT+00:53:28. */
  #offsetAt(instantMs: number): number {
    const written = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(this.#format.format(instantMs));
    const [, sign, hours = 0, minutes = 0, seconds = 0] = written ?? [];
    const size = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * 1_000;
    return sign === "-" ? -size : size;
  }
}
