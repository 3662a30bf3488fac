export { neverEnd, notATimeZone, wrongWith } from "./check.ts";
export { aroundNow, intervalsIn, ReckonedQuietHours, type TimeSpan } from "./intervals.ts";
