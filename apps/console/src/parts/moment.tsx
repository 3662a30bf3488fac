import { clockOf, momentOf, utcOf } from "../times.ts";

/** A time in the viewer's zone, with UTC for who points at it. With `now` it has its day, where that is another one. */
export function Moment({ at, now }: { at: string | number; now?: number }) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={utcOf(ms)}>
      {now === undefined ? clockOf(ms) : momentOf(ms, now)}
    </time>
  );
}
