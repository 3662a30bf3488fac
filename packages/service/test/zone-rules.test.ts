import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { ZONE_RULES, zoneRulesWatch } from "../src/index.ts";

const FIVE_MINUTES = 300_000;

/** Starts to compare; `others` is what other processes noted, and may be exchanged. */
async function comparing(seen: { others: string[]; matters: boolean }) {
  vi.useFakeTimers();
  const lines: { msg: string }[] = [];
  const noted: { rules: string; keptMs: number }[] = [];
  const watch = zoneRulesWatch({
    note: async (call) => {
      noted.push(call);
      if (seen.others.includes("away")) throw new Error("Redis is away");
      return [ZONE_RULES, ...seen.others];
    },
    matters: () => seen.matters,
    logger: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  });
  onTestFinished(async () => {
    await watch.stop();
    vi.useRealTimers();
  });
  await watch.start();
  return { lines, noted, stop: () => watch.stop(), passes: () => vi.advanceTimersByTimeAsync(FIVE_MINUTES) };
}

test("a difference is told once, and another one again", async () => {
  const seen = { others: ["2019a"], matters: true };
  const { lines, noted, stop, passes } = await comparing(seen);
  for (let pass = 0; pass < 3; pass += 1) await passes();
  expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining(`different rules of time zones: 2019a, `)]);
  expect(noted.length).toBeGreaterThan(2);
  expect(noted[0]).toEqual({ rules: ZONE_RULES, keptMs: expect.any(Number) });
  for (const others of [[], ["away"], ["2019b"], ["2019b", "2019c"]]) {
    seen.others = others;
    await passes();
  }
  expect(lines.map(({ msg }) => /zones: ([\w, ]+);/.exec(msg)?.[1])).toEqual([
    `2019a, ${ZONE_RULES}`,
    `2019b, ${ZONE_RULES}`,
    `2019b, 2019c, ${ZONE_RULES}`,
  ]);
  await stop();
  const count = noted.length;
  await passes();
  expect(noted).toHaveLength(count);
});

test("nothing is told where nothing goes by a time zone", async () => {
  const seen = { others: ["2019a"], matters: false };
  const { lines, passes } = await comparing(seen);
  await passes();
  expect(lines).toEqual([]);
  seen.matters = true;
  await passes();
  expect(lines).toHaveLength(1);
});
