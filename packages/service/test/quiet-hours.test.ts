import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { LivePolicies, loadPolicies } from "../src/index.ts";

interface Window {
  readonly from: string;
  readonly until: string;
}
interface QuietHoursFields {
  readonly timeZone: string;
  readonly windows: readonly Window[];
}

const directory = mkdtempSync(join(tmpdir(), "quiet-hours-"));
const RESTART_POLICY_FILE = join(directory, "policy.json");
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(() => vi.useRealTimers());

const inZone = (timeZone: string, ...windows: Window[]): QuietHoursFields => ({ timeZone, windows });
const berlin = (...windows: Window[]) => inZone("Europe/Berlin", ...windows);
const window = (from: string, until: string): Window => ({ from, until });
const night = window("0 22 * * *", "0 6 * * *");
const freeze = window("2026-12-20T00:00", "2027-01-02T00:00");

function written(quietHours: object) {
  writeFileSync(RESTART_POLICY_FILE, JSON.stringify({ quietHours }));
  return { RESTART_POLICY_FILE };
}

const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16);

function intervals(quietHours: QuietHoursFields, from: string, to: string): string[] {
  const span = { fromMs: Date.parse(from), toMs: Date.parse(to) };
  const { common } = loadPolicies(written(quietHours), span);
  return (common.quietHours?.intervals ?? []).map(([start, end]) => `${iso(start)} ${iso(end)}`);
}

/** Those of a running process. */
function current(policies: LivePolicies): string[] {
  return (policies.policies.common.quietHours?.intervals ?? []).map(([start, end]) => `${iso(start)} ${iso(end)}`);
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
    const weekend = window("0 0 * * SAT", "0 0 * * MON");
    expect(intervals(berlin(night, weekend), "2026-06-12T12:00Z", "2026-06-15T12:00Z")).toEqual([
      "2026-06-12T20:00 2026-06-15T04:00",
    ]);
    const noon = window("0 12 * * *", "0 13 * * *");
    const after = window("0 13 * * *", "0 14 * * *");
    expect(intervals(berlin(noon, after), "2026-06-10T00:00Z", "2026-06-10T20:00Z")).toEqual([
      "2026-06-10T10:00 2026-06-10T12:00",
    ]);
  });

  test("one that lasts for weeks counts on each of their days, however long ago it began", () => {
    const summer = window("0 0 1 6 *", "0 0 1 9 *");
    expect(intervals(inZone("UTC", summer), "2026-08-20T00:00Z", "2026-08-21T00:00Z")).toEqual([
      "2026-06-01T00:00 2026-09-01T00:00",
    ]);
  });
});

// quiet-hours-zones.test.ts asks about every zone; these are days that a reader can follow.
describe("where a clock is set", () => {
  test.each([
    ["a window within what is left out is empty", "Europe/Berlin", "0 2 * * *", "0 3 * * *", "2027-03-28", []],
    ["so it is where half an hour is", "Australia/Lord_Howe", "0 2 * * *", "15 2 * * *", "2026-10-03T12:00", []],
    ["and where midnight is", "Africa/Cairo", "0 0 * * FRI", "30 0 * * FRI", "2026-04-23T12:00", []],
    [
      "one that begins or ends within it has what is left",
      "Europe/Berlin",
      "30 1 * * *",
      "30 2 * * *",
      "2027-03-28",
      ["2027-03-28T00:30 2027-03-28T01:00"],
    ],
    [
      "an hour that comes twice is quiet both times",
      "Europe/Berlin",
      "0 2 * * *",
      "0 3 * * *",
      "2026-10-25",
      ["2026-10-25T00:00 2026-10-25T02:00"],
    ],
    [
      "so is a part of it, and what lies between",
      "Europe/Berlin",
      "15 2 * * *",
      "45 2 * * *",
      "2026-10-25",
      ["2026-10-25T00:15 2026-10-25T01:45"],
    ],
    [
      "what ends as that hour begins does not last through it",
      "Europe/Berlin",
      "0 1 * * *",
      "0 2 * * *",
      "2026-10-24T12:00",
      ["2026-10-24T23:00 2026-10-25T00:00"],
    ],
    [
      "a list of ends: the first of them counts though it is left out",
      "Europe/Berlin",
      "0 1 * * *",
      "0 2,14 * * *",
      "2027-03-27T12:00",
      ["2027-03-28T00:00 2027-03-28T01:00"],
    ],
    [
      "a list of minutes within what is left out",
      "Europe/Berlin",
      "0 1 * * *",
      "0,30 2 * * *",
      "2027-03-27T12:00",
      ["2027-03-28T00:00 2027-03-28T01:00"],
    ],
    [
      "the hour before midnight",
      "America/Nuuk",
      "30 22 * * *",
      "0,30 23 * * *",
      "2027-03-27T12:00",
      ["2027-03-28T00:30 2027-03-28T01:00"],
    ],
  ])("%s", (_, timeZone, from, until, day, expected) => {
    const begin = Date.parse(day.includes("T") ? `${day}Z` : `${day}T00:00Z`);
    const found = intervals(
      inZone(timeZone, window(from, until)),
      iso(begin).concat("Z"),
      `${iso(begin + 20 * 3_600_000)}Z`,
    );
    expect(found).toEqual(expected);
  });
});

describe("dates", () => {
  test("come to one interval, however long, by the clock on the wall", () => {
    const all = ["2026-12-19T23:00 2027-01-01T23:00"];
    expect(intervals(berlin(freeze), "2026-12-12T00:00Z", "2026-12-20T00:00Z")).toEqual(all);
    expect(intervals(berlin(freeze), "2026-12-31T00:00Z", "2026-12-31T01:00Z")).toEqual(all);
    expect(intervals(berlin(freeze), "2026-11-01T00:00Z", "2026-12-01T00:00Z")).toEqual([]);
    expect(intervals(berlin(freeze), "2027-01-02T00:00Z", "2027-02-01T00:00Z")).toEqual([]);
    const summer = window("2027-06-01", "2027-10-31 12:30:15");
    expect(intervals(berlin(summer), "2027-07-01T00:00Z", "2027-07-01T01:00Z")).toEqual([
      "2027-05-31T22:00 2027-10-31T11:30",
    ]);
  });

  test("end when what follows them ends, even beyond the days that are reckoned ahead", () => {
    const ends = (...windows: Window[]) =>
      intervals(berlin(...windows), "2026-12-21T00:00Z", "2026-12-22T00:00Z").map((text) => text.split(" ")[1]);
    expect(ends(freeze, night)).toEqual(["2027-01-02T05:00"]);
    const easter = window("2027-01-02T06:00", "2027-04-05T00:00");
    expect(ends(freeze, night, easter)).toEqual(["2027-04-05T04:00"]);
  });

  test("may begin what a cron expression ends", () => {
    const party = window("2026-12-24T12:00", "0 6 * * *");
    expect(intervals(berlin(party), "2026-12-20T00:00Z", "2026-12-28T00:00Z")).toEqual([
      "2026-12-24T11:00 2026-12-25T05:00",
    ]);
  });
});

describe("whether quiet hours can be used does not depend on when a process starts", () => {
  const often = [
    ["a freeze of two weeks", berlin(freeze)],
    ["dates that are over", berlin(window("2020-12-20T00:00", "2021-01-02T00:00"))],
    ["a freeze of two weeks each year, as cron", berlin(window("0 0 20 12 *", "0 0 2 1 *"))],
    ["a year that is over", berlin(window("0 0 0 24 12 * 2025", "0 0 0 27 12 * 2025"))],
    ["a year to come", berlin(window("0 0 0 24 12 * 2031", "0 0 0 27 12 * 2031"))],
    ["a day that comes every four years", berlin(window("0 0 29 2 *", "0 0 1 3 *"))],
  ] as const;
  const starts = [
    "2026-06-10T12:00Z",
    "2026-12-14T00:00Z",
    "2026-12-25T12:00Z",
    "2027-01-02T00:00Z",
    "2033-01-01T00:00Z",
  ];

  test.each(often)("%s", (_, quietHours) => {
    for (const now of starts) {
      vi.setSystemTime(now);
      expect(() => new LivePolicies(written(quietHours)), now).not.toThrow();
    }
  });

  test("a process that runs knows the same as one that starts", () => {
    vi.setSystemTime("2026-12-01T00:00Z");
    const running = new LivePolicies(written(berlin(freeze)));
    expect(current(running)).toEqual([]);
    for (const now of ["2026-12-14T00:00Z", "2026-12-19T23:30Z", "2026-12-30T12:00Z"]) {
      vi.setSystemTime(now);
      expect(current(running), now).toEqual(["2026-12-19T23:00 2027-01-01T23:00"]);
      expect(current(new LivePolicies(written(berlin(freeze)))), now).toEqual(current(running));
    }
    vi.setSystemTime("2027-01-04T00:00Z");
    expect(current(running)).toEqual([]);
  });
});

describe("what cannot work is told", () => {
  const cron = /windows\.0\.from: expected a cron expression, got "/;
  const date = /windows\.0\.from: expected a date such as 2026-12-20T00:00, got "/;
  test.each([
    [berlin(window("0 25 * * *", "0 6 * * *")), cron],
    [berlin(window("", "0 6 * * *")), cron],
    [berlin(window("* * *", "0 6 * * *")), cron],
    [berlin(window("2026-02-30T00:00", "2026-03-02T00:00")), date],
    [berlin(window("2026-12-20T00:00Z", "2027-01-02T00:00")), /windows\.0\.from: .* no zone: it is a time of timeZone/],
    [berlin(night, window("0 1 * * *", "soon")), /windows\.1\.until: expected a cron expression.* got "soon"/],
    [{ ...berlin(night), timeZone: "Europe/Berln" }, /timeZone: expected an IANA time zone.*"Europe\/Berln"/],
    [berlin(window("0 0 30 2 *", "0 6 * * *")), /windows\.0\.from: "0 0 30 2 \*" never comes/],
    [berlin(window("* * * * *", "* * * * *")), /windows\.0: they begin more than 200 times a week/],
    [berlin(window("*/10 9-17 * * MON-FRI", "*/5 * * * *")), /windows\.0: they begin more than 200 times a week/],
    [
      berlin(window("2027-01-02T00:00", "2026-12-20T00:00")),
      /windows\.0: until \(2026-12-20T00:00\) must come after from/,
    ],
    [berlin(window("0 22 * * *", "2027-01-02T00:00")), /windows\.0: until is a date, so from must be one, too/],
    [
      berlin(window("0 0 1 * *", "0 0 20 * *"), window("0 0 * * *", "0 0 * * *")),
      /windows: they never end: leave a gap/,
    ],
    [berlin(window("0 6 * * *", "0 18 * * *"), window("0 18 * * *", "0 6 * * *")), /windows: they never end/],
  ])("%j", (quietHours, expected) => {
    expect(() => loadPolicies(written(quietHours))).toThrow(expected);
  });

  test.each([
    ["a night", berlin(night)],
    ["every hour", berlin(window("0 * * * *", "15 * * * *"))],
    ["every quarter-hour of a day a week", berlin(window("*/15 * * * MON", "5-59/15 * * * *"))],
    ["a minute that comes again within", berlin(window("* 22 * * *", "0 6 * * *"))],
    ["a week but for an hour", berlin(window("0 1 * * MON", "0 0 * * MON"))],
  ])("%s is possible", (_, quietHours) => {
    expect(() => loadPolicies(written(quietHours))).not.toThrow();
  });
});

describe("the event loop is not blocked", () => {
  const hourly = Array.from({ length: 20 }, (_, i) => window(`${i * 3} * * * *`, `${i * 3 + 1} * * * *`));
  const workspaces = Array.from({ length: 1_000 }, (_, i) => ({ match: { ids: [`w${i}`] }, cooldownMs: i }));

  /** Of this process, whatever else the machine does. */
  function cpuMs(work: () => void): number {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  }

  test("by the quiet hours of a large file, when it is read and an hour later", () => {
    vi.setSystemTime("2026-06-10T12:00Z");
    const path = written(berlin(...hourly));
    writeFileSync(RESTART_POLICY_FILE, JSON.stringify({ quietHours: berlin(...hourly), workspaces }));
    let live: LivePolicies | undefined;
    const all = () => {
      const { common, overrides } = (live as LivePolicies).policies;
      return [common, ...overrides.map(({ policy }) => policy)].map(({ quietHours }) => quietHours?.intervals);
    };
    expect(cpuMs(() => (live = new LivePolicies(path)))).toBeLessThan(1_500);
    expect(cpuMs(all)).toBeLessThan(500);
    expect(all()[1_000]?.length).toBeGreaterThan(20 * 24 * 8);
    const before = all()[0];
    vi.setSystemTime("2026-06-10T13:00:01Z");
    expect(cpuMs(all)).toBeLessThan(500);
    expect(all()[0]).not.toBe(before);
  });

  test("more than can be looked at in a moment is refused", () => {
    const refusedWith = (count: number, own: (i: number) => Window[]): string => {
      const overrides = Array.from({ length: count }, (_, i) => ({
        match: { ids: ["a"] },
        quietHours: berlin(...own(i)),
      }));
      writeFileSync(RESTART_POLICY_FILE, JSON.stringify({ workspaces: overrides }));
      try {
        loadPolicies({ RESTART_POLICY_FILE });
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusedWith(101, () => hourly)).toContain("at most 2000 windows of quiet hours in all, got 2020");
    const night = (i: number) => [window(`${i % 60} ${i % 20} * * *`, `${i % 60} ${(i % 20) + 1} * * 1-5`)];
    expect(refusedWith(500, night)).toBe("");
    const differing = (i: number) => [window(`${i % 60} 1 ${1 + (i % 28)} * *`, `${i % 60} 2 ${1 + (i % 28)} * *`)];
    expect(refusedWith(260, differing)).toContain("at most 500 different expressions and dates, got 520");
  });
});
