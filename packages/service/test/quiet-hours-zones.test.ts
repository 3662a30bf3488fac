/**
 * Quiet hours on the days on which clocks change, in every zone that has such days. What they must come to is found
 * here without any of the product's code and without cron: by asking Intl, quarter-hour by quarter-hour, what the clock
 * on the wall shows.
 */
import { expect, test } from "vitest";
import { intervalsIn } from "../src/policy-file/quiet-hours/index.ts";

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The clock on the wall, as if it were UTC's. */
type WallClock = (instant: number) => number;

function wallClockOf(timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (instant) => {
    const [month, day, year, hour, minute, second] = format.format(instant).split(/\D+/).map(Number) as number[];
    return Date.UTC(year as number, (month as number) - 1, day, hour, minute, second);
  };
}

interface Transition {
  readonly timeZone: string;
  readonly at: number;
  /** What the clock shows before it is set, and after. */
  readonly from: number;
  readonly to: number;
  readonly wallClock: WallClock;
}

function transitionsOf(timeZone: string, fromMs: number, toMs: number): Transition[] {
  const wallClock = wallClockOf(timeZone);
  const offsetAt = (instant: number) => wallClock(instant) - instant;
  const found: Transition[] = [];
  for (let before = fromMs; before < toMs; before += 7 * DAY) {
    let [low, high] = [before, before + 7 * DAY];
    const offset = offsetAt(low);
    if (offsetAt(high) === offset) continue;
    while (high - low > QUARTER) {
      const middle = low + Math.floor((high - low) / 2 / QUARTER) * QUARTER;
      if (offsetAt(middle) === offset) low = middle;
      else high = middle;
    }
    found.push({ timeZone, at: high, from: high + offset, to: wallClock(high), wallClock });
  }
  return found;
}

/** A daily window: when it begins, and the times of day of which the next ends it. */
interface Daily {
  readonly from: number;
  readonly until: readonly number[];
}

/** The instants, quarter-hours, from which to which the clock shows times of the window; apart from each other. */
function expectedOf({ from, until }: Daily, wall: readonly (readonly [instant: number, shown: number])[]): string[] {
  const midnight = Math.floor((wall[0]?.[1] ?? 0) / DAY) * DAY;
  const found: [number, number][] = [];
  for (let day = midnight - 2 * DAY; day < midnight + 5 * DAY; day += DAY) {
    const start = day + from;
    const ends = until.flatMap((end) => [day + end, day + DAY + end]).filter((end) => end > start);
    const end = Math.min(...ends);
    const within = wall.filter(([, shown]) => start <= shown && shown < end).map(([instant]) => instant);
    if (within.length > 0) found.push([within[0] as number, (within.at(-1) as number) + QUARTER]);
  }
  return shown(found);
}

function shown(intervals: readonly (readonly [number, number])[]): string[] {
  const joined: [number, number][] = [];
  for (const [start, end] of intervals) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined.map(([start, end]) => `${new Date(start).toISOString()} ${new Date(end).toISOString()}`);
}

const timeOfDay = (wall: number) => ((wall % DAY) + DAY) % DAY;

/** As cron writes it; times that share an hour, or a minute, and no others. */
function cron(times: readonly number[]): string {
  const list = (values: number[]) => [...new Set(values)].sort((a, b) => a - b).join(",");
  const hours = list(times.map((time) => Math.floor(time / HOUR)));
  return `${list(times.map((time) => (time % HOUR) / MINUTE))} ${hours} * * *`;
}

/** Windows within what the clock leaves out or shows twice, across it, around it, and that begin or end with it. */
function windowsAt({ from, to }: Transition): Daily[] {
  const [low, high] = [Math.min(from, to), Math.max(from, to)].map(timeOfDay) as [number, number];
  const plus = (time: number, more: number) => timeOfDay(time + more);
  const window = (start: number, ...until: number[]): Daily => ({ from: start, until });
  const halves = [low, low + 30 * MINUTE];
  const lists = low % HOUR === 0 ? [window(low, ...halves), window(plus(low, -HOUR), ...halves)] : [];
  return [
    window(low, high),
    window(low, plus(low, QUARTER)),
    window(plus(low, QUARTER), plus(low, 2 * QUARTER)),
    window(plus(low, -QUARTER), plus(low, QUARTER)),
    window(plus(high, -QUARTER), plus(high, QUARTER)),
    window(plus(low, -HOUR), low),
    window(plus(low, -HOUR), high),
    window(low, plus(high, HOUR)),
    window(high, plus(high, HOUR)),
    window(plus(low, -HOUR), plus(high, HOUR)),
    window(22 * HOUR, 6 * HOUR),
    window(0, 30 * MINUTE),
    window(plus(low, -HOUR), low, plus(low, 12 * HOUR)),
    window(low, plus(low, 12 * HOUR), plus(low, HOUR)),
    ...lists,
    window(low, low),
  ];
}

function differences(transition: Transition, windows: readonly Daily[]): string[] {
  const { at, timeZone, wallClock } = transition;
  const span = { fromMs: at - 1.5 * DAY, toMs: at + 1.5 * DAY };
  const wall: [number, number][] = [];
  for (let instant = span.fromMs; instant < span.toMs; instant += QUARTER) wall.push([instant, wallClock(instant)]);
  return windows.flatMap((daily) => {
    const window = { from: cron([daily.from]), until: cron(daily.until) };
    const intervals = intervalsIn({ timeZone, windows: [window] }, span);
    const clipped = intervals.map(([start, end]) => [Math.max(start, span.fromMs), Math.min(end, span.toMs)] as const);
    const [got, expected] = [shown(clipped), expectedOf(daily, wall)];
    if (JSON.stringify(got) === JSON.stringify(expected)) return [];
    return [
      `${timeZone} ${new Date(at).toISOString()} ${window.from} – ${window.until}: ${got} instead of ${expected}`,
    ];
  });
}

const ZONES = Intl.supportedValuesOf("timeZone");
const TRANSITIONS = ZONES.flatMap((zone) => transitionsOf(zone, Date.UTC(2026, 0, 1), Date.UTC(2031, 0, 1)));

test("there are clocks that are set by an hour, by half an hour, at midnight, in spring and in autumn", () => {
  const shifts = new Set(TRANSITIONS.map(({ from, to }) => (to - from) / MINUTE));
  expect([...shifts].sort((a, b) => a - b)).toEqual(expect.arrayContaining([-60, -30, 30, 60]));
  const gapsAtMidnight = TRANSITIONS.filter(({ from, to }) => to > from && timeOfDay(from) === 0);
  expect(new Set(gapsAtMidnight.map(({ timeZone }) => timeZone)).size).toBeGreaterThan(1);
  expect(new Set(TRANSITIONS.map(({ timeZone }) => timeZone)).size).toBeGreaterThan(100);
});

test("on every day from 2026 to 2030 on which a clock is set, what the clock on the wall shows is quiet", () => {
  const alike = new Map<string, Transition[]>();
  for (const transition of TRANSITIONS) {
    const how = `${transition.at} ${transition.from} ${transition.to}`;
    alike.set(how, [...(alike.get(how) ?? []), transition]);
  }
  // Zones whose clocks are set alike differ in their names: one of them is asked about all windows, the others about two.
  const wrong = [...alike.values()].flatMap(([first, ...others]) => [
    ...differences(first as Transition, windowsAt(first as Transition)),
    ...others.flatMap((other) => differences(other, windowsAt(other).slice(0, 2))),
  ]);
  expect({ count: wrong.length, some: wrong.slice(0, 3) }).toEqual({ count: 0, some: [] });
}, 120_000);
