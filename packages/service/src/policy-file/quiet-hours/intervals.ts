/**
 * Quiet hours as people write them, and the intervals they come to. Only those go to Redis, whose own clock says whether
 * one of them is now; this process' clock only says which of them are worth sending.
 *
 * A window is found on the wall clock: from each time `from` comes until the next time `until` does, as if no clock were
 * ever set. Only then it becomes an interval, which lasts from the first moment at which the clock shows one of its times
 * to the last. So it lasts longer by no more than what the clock is set back, and nothing is left of one that the clock
 * leaves out. Two ends found each for itself, in the zone, would come a day apart where both are left out.
 */
import type { QuietHours, QuietInterval } from "@restart-coordinator/debounce";
import type { QuietHoursFields } from "../schema.ts";
import { WallClock } from "./wall-clock.ts";
import { type WallTimes, wallWindowOf } from "./wall-times.ts";

export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Ends {
  readonly from: WallTimes;
  readonly until: Pick<WallTimes, "next">;
}

const DAY_MS = 86_400_000;
/** Windows that follow each other at the end of a span are followed so far: a bound, for they do not cover all times. */
const MOST_FOLLOWED = 2_000;

/** What a running process needs: what has just ended, what is now, and what comes within the time a hold may last. */
export function aroundNow(nowMs: number): TimeSpan {
  return { fromMs: nowMs - DAY_MS, toMs: nowMs + 8 * DAY_MS };
}

/** Quiet hours whose intervals are found when somebody asks for them: many a policy is never needed. */
export class ReckonedQuietHours implements QuietHours {
  readonly except: readonly string[];
  readonly #fields: QuietHoursFields;
  readonly #span: TimeSpan;
  #intervals: readonly QuietInterval[] | undefined;

  constructor(fields: QuietHoursFields, span: TimeSpan) {
    this.except = fields.except ?? [];
    this.#fields = fields;
    this.#span = span;
  }

  get intervals(): readonly QuietInterval[] {
    this.#intervals ??= intervalsIn(this.#fields, this.#span);
    return this.#intervals;
  }
}

/** The intervals that touch the span, whole, apart from each other, in order. */
export function intervalsIn(fields: QuietHoursFields, span: TimeSpan): QuietInterval[] {
  const clock = new WallClock(fields.timeZone);
  const windows = fields.windows.map(wallWindowOf);
  const touching = (part: TimeSpan) => windows.flatMap((window) => [...intervalsOf(window, clock, part)]);
  const intervals = joined(touching(span));
  // One that reaches beyond the span may be followed there by others.
  for (let followed = 0; followed < MOST_FOLLOWED; followed += 1) {
    const last = intervals.at(-1);
    if (last === undefined || last[1] < span.toMs) break;
    const following = touching({ fromMs: last[1], toMs: last[1] + 1 });
    if (following.length === 0) break;
    last[1] = Math.max(...following.map(([, end]) => end));
  }
  return intervals;
}

function* intervalsOf(window: Ends, clock: WallClock, { fromMs, toMs }: TimeSpan): Generator<QuietInterval> {
  // A clock that is set meanwhile may show a little more or less.
  const first = clock.shownAt(fromMs) - DAY_MS;
  const last = clock.shownAt(toMs) + DAY_MS;
  for (const [from, until] of timesOf(window, first)) {
    if (from >= last) return;
    const interval = [clock.firstAt(from), clock.lastBefore(until)] as const;
    if (interval[0] < interval[1] && interval[0] < toMs && interval[1] > fromMs) yield interval;
  }
}

/** When it begins and ends, wall times, from the one on that lasts at the first or begins next. */
export function* timesOf({ from, until }: Ends, firstMs: number): Generator<QuietInterval> {
  let start = from.previous(firstMs) ?? from.next(firstMs);
  while (start !== undefined) {
    const end = until.next(start);
    if (end === undefined) return;
    yield [start, end];
    // The next may begin at the moment at which this one ends; those that would begin within it are passed over.
    start = from.next(end - 1);
  }
}

function joined(intervals: readonly QuietInterval[]): [number, number][] {
  const result: [number, number][] = [];
  for (const [start, end] of [...intervals].sort(([a], [b]) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}
