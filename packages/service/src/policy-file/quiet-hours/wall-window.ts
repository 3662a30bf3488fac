import { type CronTimes, type OneTime, wallTimesOf } from "./wall-times.ts";

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

/** An expression is read once, and remembers the days on which it comes. */
const known = new WeakMap<WindowFields, WallWindow>();

/** @throws Error that says what is wrong with it */
export function wallWindowOf(fields: WindowFields): WallWindow {
  const window = known.get(fields) ?? { from: wallTimesOf(fields.from), until: wallTimesOf(fields.until) };
  known.set(fields, window);
  return window;
}
