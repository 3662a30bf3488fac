import { describe, expect, test } from "vitest";
import { impossibleQuietHours, quietHoursIn } from "../src/policy-file/quiet-hours.ts";

const night = { from: "0 22 * * *", until: "0 6 * * *" };
const berlin = (...windows: { from: string; until: string }[]) => ({ timeZone: "Europe/Berlin", windows });
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);

function intervals(quietHours: ReturnType<typeof berlin>, from: string, to: string): string[] {
  const span = { fromMs: Date.parse(from), toMs: Date.parse(to) };
  return quietHoursIn(quietHours, span).intervals.map(([start, end]) => `${iso(start)} ${iso(end)}`);
}

describe("cron expressions come to intervals", () => {
  test("by the clock on the wall, whether it is summer or winter", () => {
    expect(intervals(berlin(night), "2026-10-24T12:00Z", "2026-10-26T12:00Z")).toEqual([
      "2026-10-24T20:00 2026-10-25T05:00",
      "2026-10-25T21:00 2026-10-26T05:00",
    ]);
    expect(intervals(berlin(night), "2026-03-28T12:00Z", "2026-03-29T12:00Z")).toEqual([
      "2026-03-28T21:00 2026-03-29T04:00",
    ]);
  });

  test("one that began before the time that is asked about counts", () => {
    expect(intervals(berlin(night), "2026-06-10T00:00Z", "2026-06-10T01:00Z")).toEqual([
      "2026-06-09T20:00 2026-06-10T04:00",
    ]);
    expect(intervals(berlin(night), "2026-06-10T04:00Z", "2026-06-10T05:00Z")).toEqual([]);
  });

  test("those that meet or overlap are one", () => {
    const weekend = { from: "0 0 * * SAT", until: "0 0 * * MON" };
    expect(intervals(berlin(night, weekend), "2026-06-12T12:00Z", "2026-06-15T12:00Z")).toEqual([
      "2026-06-12T20:00 2026-06-15T04:00",
    ]);
    const noon = { from: "0 12 * * *", until: "0 13 * * *" };
    const after = { from: "0 13 * * *", until: "0 14 * * *" };
    expect(intervals(berlin(noon, after), "2026-06-10T00:00Z", "2026-06-10T20:00Z")).toEqual([
      "2026-06-10T10:00 2026-06-10T12:00",
    ]);
  });
});

test.each([
  [berlin({ from: "0 25 * * *", until: "0 6 * * *" }), /windows\.0\.from: expected a cron expression, got "0 25/],
  [berlin(night, { from: "0 1 * * *", until: "soon" }), /windows\.1\.until: expected a cron expression, got "soon"/],
  [{ ...berlin(night), timeZone: "Europe/Berln" }, /timeZone: expected an IANA time zone.*"Europe\/Berln"/],
  [berlin({ from: "0 0 30 2 *", until: "0 6 * * *" }), /windows\.0\.from: "0 0 30 2 \*" never comes/],
  [berlin({ from: "* * * * *", until: "* * * * *" }), /windows\.0: they begin more than 200 times a week/],
  [berlin({ from: "0 0 1 * *", until: "0 0 20 * *" }, { from: "0 0 * * *", until: "0 0 * * *" }), /a week or longer/],
])("what cannot work is told: %j", (quietHours, expected) => {
  expect(impossibleQuietHours(quietHours, Date.parse("2026-06-10T12:00Z"))).toMatch(expected);
});

test("a night is possible", () => {
  expect(impossibleQuietHours(berlin(night), Date.parse("2026-06-10T12:00Z"))).toBeUndefined();
});
