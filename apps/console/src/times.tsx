/** Times and durations as people read them: in the viewer's zone, with UTC for who asks. */
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export function clockOf(at: number): string {
  return CLOCK.format(at);
}

/** With its day, where that is not the day of `now`. */
export function momentOf(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return isToday ? clockOf(at) : `${DAY.format(at)}, ${clockOf(at)}`;
}

export function utcOf(at: number): string {
  return `${new Date(at).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

/** "850 ms", "12 s", "1 min 26 s", "3 h 5 min", "2 d 4 h". */
export function durationOf(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < 1_000) return `${Math.round(positive)} ms`;
  if (positive < 10_000 && positive % 1_000 !== 0) return `${(positive / 1_000).toFixed(1)} s`;
  return wholeSeconds(Math.round(positive / 1_000));
}

/** For what counts down: whole seconds, the last one being 1. */
export function countdownOf(ms: number): string {
  return wholeSeconds(Math.max(0, Math.ceil(ms / 1_000)));
}

function wholeSeconds(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return "0 s";
  const told = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return told.map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

export function Moment({ at, now }: { at: string | number; now?: number }) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={utcOf(ms)}>
      {now === undefined ? clockOf(ms) : momentOf(ms, now)}
    </time>
  );
}
