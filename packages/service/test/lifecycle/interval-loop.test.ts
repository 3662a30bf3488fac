import { pino } from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { IntervalLoop, type IntervalLoopOptions, StillUnderWayError } from "../../src/index.ts";

const NEVER_MS = 3_600_000;

/** Passes that a test lets end one by one. */
function passes() {
  const begun: { stopping: AbortSignal; end: () => void; fail: (error: Error) => void }[] = [];
  let underWay = 0;
  let most = 0;
  const pass = async (stopping: AbortSignal): Promise<void> => {
    underWay += 1;
    most = Math.max(most, underWay);
    try {
      await new Promise<void>((end, fail) => void begun.push({ stopping, end, fail }));
    } finally {
      underWay -= 1;
    }
  };
  return {
    begun,
    pass,
    underWay: () => underWay,
    most: () => most,
    /** Resolves once as many have begun. */
    until: (count: number) => vi.waitFor(() => expect(begun).toHaveLength(count), { interval: 1, timeout: 5_000 }),
  };
}

function loop(pass: IntervalLoopOptions["pass"], more: Partial<IntervalLoopOptions> = {}) {
  const lines: { msg: string; err: { message: string } }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const made = new IntervalLoop({ name: "the look", pass, intervalMs: 1, logger, ...more });
  onTestFinished(() => made.stop().catch(() => {}));
  return { made, lines };
}

describe("an interval loop", () => {
  test("runs a pass at once, and the next one when it has ended and the pause is over", async () => {
    const { begun, pass, until, most } = passes();
    const { made } = loop(pass);
    await made.start();
    for (const round of [1, 2, 3]) {
      await until(round);
      begun.at(-1)?.end();
    }
    await until(4);
    expect(most()).toBe(1);
    begun.at(-1)?.end();
  });

  test("that is started twice is one loop", async () => {
    const { begun, pass, until, most } = passes();
    const { made } = loop(pass);
    await Promise.all([made.start(), made.start()]);
    await made.start();
    for (const round of [1, 2, 3]) {
      await until(round);
      begun.at(-1)?.end();
    }
    await until(4);
    expect(most()).toBe(1);
    begun.at(-1)?.end();
  });

  test("stops only when the pass under way has ended, and tells it so", async () => {
    const { begun, pass, until, underWay } = passes();
    const { made } = loop(pass);
    await made.start();
    await until(1);
    const stopped = made.stop().then(() => underWay());
    expect(begun[0]?.stopping.aborted).toBe(true);
    // Whatever the stop could do without the pass, it has done by then.
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    begun[0]?.end();
    expect(await stopped).toBe(0);
    expect(begun).toHaveLength(1);
  });

  test("stops at once in the pause between two passes", async () => {
    const { begun, pass, until } = passes();
    const { made } = loop(pass, { intervalMs: NEVER_MS });
    await made.start();
    await until(1);
    begun[0]?.end();
    await made.stop();
    expect(begun).toHaveLength(1);
  });

  test("may be stopped twice, and before it was started: then nothing runs", async () => {
    const { begun, pass } = passes();
    const { made } = loop(pass);
    await made.stop();
    await made.stop();
    await made.start();
    expect(begun).toEqual([]);
  });

  test("gives up a pass that hangs", async () => {
    const { begun, pass, until } = passes();
    const { made } = loop(pass, { stopWithinMs: 20 });
    await made.start();
    await until(1);
    await expect(made.stop()).rejects.toBeInstanceOf(StillUnderWayError);
    begun[0]?.end();
  });

  test("survives a pass that fails, and tells why", async () => {
    const { begun, pass, until } = passes();
    const { made, lines } = loop(pass);
    await made.start();
    await until(1);
    begun[0]?.fail(new Error("no answer"));
    await until(2);
    expect(lines).toMatchObject([{ msg: "the look failed; the next pass tries again", err: { message: "no answer" } }]);
    begun[1]?.end();
  });

  test("tells nothing of a pass that the stop has cut short", async () => {
    const { begun, pass, until } = passes();
    const { made, lines } = loop(pass);
    await made.start();
    await until(1);
    const stopped = made.stop();
    begun[0]?.fail(new Error("cut short"));
    await stopped;
    expect(lines).toEqual([]);
  });

  test("that is woken looks again, also when that came during a pass", async () => {
    const { begun, pass, until } = passes();
    const { made } = loop(pass, { intervalMs: NEVER_MS });
    await made.start();
    await until(1);
    made.wake();
    begun[0]?.end();
    await until(2);
    begun[1]?.end();
    made.wake();
    await until(3);
    begun[2]?.end();
  });

  test("waits as long as a pass says", async () => {
    const { begun, pass, until } = passes();
    const { made } = loop((stopping): Promise<number> => pass(stopping).then(() => 1), { intervalMs: NEVER_MS });
    await made.start();
    await until(1);
    begun[0]?.end();
    await until(2);
    begun[1]?.end();
  });

  test("waits for its first pass if it is told to, and does what comes afterwards at the stop alone", async () => {
    const { begun, pass } = passes();
    const afterwards = vi.fn(async () => {});
    const { made } = loop(pass, { firstAfterMs: NEVER_MS, afterwards });
    await made.start();
    expect(afterwards).not.toHaveBeenCalled();
    await made.stop();
    expect(begun).toEqual([]);
    expect(afterwards).toHaveBeenCalledOnce();
  });
});
