import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { keptText, TEXT_BYTES_KEPT } from "../src/triggers/why.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

const numbered = (from: number, to: number, step = 1) =>
  Array.from(
    { length: Math.floor(Math.abs(to - from) / step) + 1 },
    (_, i) => `reason ${from < to ? from + i : from - i}`,
  );

/** One write a second, each with its own reason. */
async function write(one: TestWorkspace, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i += 1) await one.at(i * 1_000).trigger("file-write", { reasons: [`reason ${i}`] });
}

describe("the why of what is owed", () => {
  test("counts per source, from the first to the last, in the order they came first", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change", { reasons: ["TOKEN"], actors: ["bob"] });
    await one.at(100).trigger("file-write", { count: 3, reasons: ["a.txt", "b.txt"], actors: ["ann"] });
    await one.at(200).trigger("secret-change", { reasons: ["URL"], actors: ["ann"] });
    const expected = [
      {
        source: "secret-change",
        count: 2,
        firstAt: at(0),
        lastAt: at(200),
        reasons: ["URL", "TOKEN"],
        actors: ["ann", "bob"],
      },
      { source: "file-write", count: 3, firstAt: at(100), lastAt: at(100), actors: ["ann"] },
    ];
    const { why } = (await one.state()).restart;
    expect(why).toMatchObject(expected);
    expect([...(why[1]?.reasons ?? [])].sort()).toEqual(["a.txt", "b.txt"]);
    expect((await one.at(20_000).begun()).covers).toMatchObject(expected);
  });

  test("keeps each reason once, by when it was given last", async () => {
    const one = await workspace();
    for (const [ms, reason] of [
      [0, "a"],
      [1, "b"],
      [2, "a"],
    ] as const) {
      await one.at(ms).trigger("file-write", { reasons: [reason] });
    }
    expect((await one.state()).restart.why).toMatchObject([{ count: 3, reasons: ["a", "b"], moreReasons: 0 }]);
  });

  test("keeps the newest 32 distinct reasons, and says how many more there were", async () => {
    const one = await workspace();
    await write(one, 1, 40);
    const [why] = (await one.state()).restart.why;
    expect(why).toMatchObject({ count: 40, reasons: numbered(40, 9), moreReasons: 8 });
    expect((await one.at(200_000).begun()).covers[0]).toMatchObject({ reasons: numbered(40, 9), moreReasons: 8 });
  });

  test("keeps the actors in the same way, apart from the reasons", async () => {
    const one = await workspace();
    for (let i = 1; i <= 34; i += 1)
      await one.at(i).trigger("file-write", { reasons: ["same"], actors: [`reason ${i}`] });
    const [why] = (await one.state()).restart.why;
    expect(why).toMatchObject({ reasons: ["same"], moreReasons: 0, actors: numbered(34, 3), moreActors: 2 });
  });

  test("keeps the newest 32 distinct files in the same way, and says how many more there were", async () => {
    const one = await workspace();
    for (let i = 1; i <= 34; i += 1) await one.at(i).trigger("file-write", { files: [`reason ${i}`, "again.txt"] });
    await one.at(35).trigger("file-write", { files: ["last.txt"], moreFiles: 168 });
    const files = ["last.txt", "again.txt", ...numbered(34, 5)];
    const [why] = (await one.state()).restart.why;
    expect({ ...why, files: [...(why?.files ?? [])].sort() }).toMatchObject({ files: files.sort(), moreFiles: 172 });
    const [covered] = (await one.at(200_000).begun()).covers;
    expect(covered).toMatchObject({ moreFiles: 172 });
    expect([...(covered?.files ?? [])].sort()).toEqual(files);
    await one.end("failed", { retryable: false });
    expect((await one.state()).restart.why).toMatchObject([{ moreFiles: 172, files: { length: 32 } }]);
  });

  test("knows no reason where none was given", async () => {
    const one = await workspace();
    await one.trigger("file-write");
    const { covers } = await one.begun();
    expect(covers).toEqual([{ source: "file-write", count: 1, firstAt: at(0), lastAt: at(0) }]);
  });

  test("takes a reason as it is, whatever characters it is made of", async () => {
    const one = await workspace();
    const marks = [":", "@", "/", "a:b", "x@y", "/etc/x", "p/q@r:s", "file-write", "file-write:count"];
    const texts = [...marks, "a|b|c", "{}", '"quoted"', "back\\slash", "näher 🎉", "count", "%d"];
    for (const [i, text] of texts.entries()) {
      await one.at(i).trigger("file-write", { reasons: [text], actors: [text], files: [text] });
    }
    const all = [...texts].reverse();
    const told = [{ source: "file-write", count: texts.length, reasons: all, actors: all, files: all }];
    expect((await one.state()).restart.why).toMatchObject(told);
    expect((await one.at(100_000).begun()).covers).toMatchObject(told);
    await one.end("failed", { retryable: false });
    expect((await one.state()).restart.why).toMatchObject(told);
  });

  test("tells the newest first also of those that came in one call", async () => {
    const one = await workspace();
    await one.trigger("file-write", { reasons: ["first"] });
    await one.trigger("file-write", { count: 3, reasons: ["z", "a", "m"], files: ["4", "3", "2", "1"] });
    const told = [{ count: 4, reasons: ["m", "a", "z", "first"], files: ["1", "2", "3", "4"] }];
    expect((await one.state()).restart.why).toMatchObject(told);
    expect((await one.at(100_000).begun()).covers).toMatchObject(told);
  });
});

describe("the why of an unfinished cycle", () => {
  /** A cycle that covers the reasons 1 to 3, and more owed since. */
  async function unfinished(): Promise<TestWorkspace> {
    const one = await workspace();
    await write(one, 1, 3);
    await one.at(20_000).begun();
    await one.at(21_000).trigger("file-write", { reasons: ["reason 3"], actors: ["ann"] });
    await one.at(22_000).trigger("secret-change");
    return one;
  }

  test("is joined to what came since: counts add up, the first is the first and the last the last", async () => {
    const one = await unfinished();
    await one.end("declined");
    const merged = [
      {
        source: "file-write",
        count: 4,
        firstAt: at(1_000),
        lastAt: at(21_000),
        reasons: ["reason 3", "reason 2", "reason 1"],
        actors: ["ann"],
      },
      { source: "secret-change", count: 1, firstAt: at(22_000) },
    ];
    expect((await one.state()).restart.why).toMatchObject(merged);
    expect((await one.at(100_000).begun()).covers).toMatchObject(merged);
    await expectSound(one);
  });

  test("is not lost when it fails again and again", async () => {
    const one = await unfinished();
    for (let i = 0; i < 5; i += 1) {
      await one.end("failed", { retryable: false });
      one.now += 1_000_000;
      await one.trigger("manual", { reasons: ["again"] });
      await one.begun();
    }
    expect(one.attempt?.covers).toMatchObject([
      { count: 4 },
      { count: 1 },
      { source: "manual", count: 5, reasons: ["again"] },
    ]);
  });

  test("gives way to newer reasons where there are too many", async () => {
    const one = await workspace();
    await write(one, 1, 20);
    await one.at(200_000).begun();
    await write(one, 201, 230);
    await one.end("declined");
    const [why] = (await one.state()).restart.why;
    const { reasons, moreReasons } = why ?? {};
    expect(reasons).toEqual([...numbered(230, 201), "reason 20", "reason 19"]);
    expect(moreReasons).toBe(18);
    expect(why).toMatchObject({ count: 50, firstAt: at(1_000), lastAt: at(230_000) });
  });
});

describe("a text as it is kept", () => {
  test.each([
    ["short", "short"],
    ["  around  ", "around"],
    ["two\nlines\r\n\tand more", "two lines and more"],
    ["\u0000\u001f\u007f", ""],
    ["x".repeat(200), "x".repeat(200)],
    ["x".repeat(201), `${"x".repeat(197)}…`],
    ["é".repeat(150), `${"é".repeat(98)}…`],
    ["🎉".repeat(60), `${"🎉".repeat(49)}…`],
    [`${"x".repeat(196)}🎉🎉`, `${"x".repeat(196)}…`],
  ])("%j", (text, kept) => {
    expect(keptText(text)).toBe(kept);
    expect(Buffer.byteLength(keptText(text))).toBeLessThanOrEqual(TEXT_BYTES_KEPT);
    expect(keptText(text)).not.toContain("\uFFFD");
  });

  test("of a batch is the newest 32 distinct, a repeated one by when it was given last", async () => {
    const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));
    await coordinator.registry.register("talkative", {});
    await coordinator.trigger("talkative", { source: "file-write", reason: "the first goes alone" });
    const reasons = ["again", ...numbered(1, 40), "again", " ", ""];
    const trigger = (reason: string) => coordinator.trigger("talkative", { source: "secret-change", reason });
    const first = coordinator.trigger("talkative", { source: "secret-change" });
    await Promise.all([first, ...reasons.map(trigger)]);
    const why = (await coordinator.workspace("talkative"))?.restart.why.find(
      ({ source }) => source === "secret-change",
    );
    expect(why).toMatchObject({ count: 45, moreReasons: 41 - 32 });
    expect(why?.reasons).toContain("again");
    expect(why?.reasons).not.toContain("reason 9");
    expect(why?.reasons).toContain("reason 10");
  });
});

test("a clock that was set back between two triggers confuses nobody: they are told, and covered", async () => {
  const one = await workspace();
  await one.at(10).trigger("secret-change", { reasons: ["first"] });
  await one.at(7).trigger("secret-change", { reasons: ["second"] });
  expect((await one.state()).restart.why).toMatchObject([{ count: 2, firstAt: at(10), lastAt: at(10) }]);
  await one.at(5_000).trigger("secret-change");
  expect((await one.at(60_000).cycle()).covers).toMatchObject([{ count: 3, reasons: ["second", "first"] }]);
});
