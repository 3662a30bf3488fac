import { WorkerMetrics } from "@restart-coordinator/service";
import { pino } from "pino";
import { expect, test } from "vitest";
import { ClockWatch } from "../src/clock-watch.ts";

const HOUR = 3_600_000;

/** A worker whose own clock and Redis' clock are set by hand. */
function situation() {
  const lines: { level: number; msg: string }[] = [];
  const metrics = new WorkerMetrics();
  const own = { ms: 0 };
  const watch = new ClockWatch({
    metrics,
    ownClock: () => own.ms,
    logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
  });
  /** A sweep that Redis answers at `now` by its clock. */
  const sweep = (now: number, { tookMs = 1, setBackMs = 0 } = {}) => {
    const sentAt = own.ms;
    own.ms += tookMs;
    watch.seen({ shard: 0, now, sentAt, setBackMs });
  };
  const steps = async (direction: string) => {
    const [, count] =
      new RegExp(`^restart_clock_steps_total{direction="${direction}"} (\\d+)$`, "m").exec(
        (await metrics.expose()).text,
      ) ?? [];
    return Number(count);
  };
  return { watch, own, sweep, steps, lines };
}

test("a clock that is set forward is told once, and what was measured across it does not count it", async () => {
  const { watch, own, sweep, steps, lines } = situation();
  sweep(100_000);
  own.ms += 10_000;
  sweep(110_000 + HOUR);
  own.ms += 1_000;
  sweep(111_000 + HOUR);
  expect(await steps("forward")).toBe(1);
  expect(lines).toMatchObject([{ level: 50, msg: expect.stringContaining("set forward") }]);
  const across = watch.passed(0, 105_000, 111_000 + HOUR);
  expect(across).toBeGreaterThanOrEqual(6_000);
  expect(across).toBeLessThan(6_100);
  expect(watch.passed(0, 90_000, 95_000), "before it").toBe(5_000);
  expect(watch.passed(0, 110_500 + HOUR, 111_000 + HOUR), "after it").toBe(500);
  expect(watch.passed(1, 105_000, 111_000 + HOUR), "another shard's clock").toBe(6_000 + HOUR);
});

test("it is found by what begins before the next sweep, too", async () => {
  const { watch, own, sweep, steps } = situation();
  sweep(100_000);
  own.ms += 500;
  expect(watch.passed(0, 99_000, 100_500 + HOUR)).toBeLessThan(1_600);
  sweep(100_501 + HOUR);
  expect(await steps("forward")).toBe(1);
});

test("an answer that was long on its way, or a process that was frozen, is no step", async () => {
  const { own, sweep, steps, lines } = situation();
  sweep(100_000);
  sweep(100_001, { tookMs: 20_000 });
  sweep(120_002);
  own.ms += HOUR;
  sweep(120_003 + HOUR);
  expect([await steps("forward"), await steps("back"), lines]).toEqual([0, 0, []]);
});

test("a clock that was set back is told by the worker that found it, and no time between is less than none", async () => {
  const { watch, sweep, steps, lines } = situation();
  sweep(HOUR + 100_000);
  sweep(100_000, { setBackMs: HOUR });
  expect([await steps("forward"), await steps("back")]).toEqual([0, 1]);
  expect(lines).toMatchObject([{ level: 50, msg: expect.stringContaining("set back by 3600000 ms") }]);
  expect(watch.passed(0, HOUR + 90_000, 100_000)).toBe(0);
});
