import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseCsv } from "../src/recordings/csv.ts";
import { readRecording } from "../src/recordings/read.ts";
import { SimulationError } from "../src/recordings/recording.ts";
import { fileWith } from "./support.ts";

const HEADER = "offset_ms,workspace,source,detail\n";

async function triggersIn(name: string, content: string) {
  const { triggers } = await readRecording(fileWith(name, content));
  return triggers.map(({ atMs, workspace, source }) => [atMs, workspace, source]);
}

async function complaintAbout(content: string, name = "trace.csv"): Promise<string> {
  const error = await readRecording(fileWith(name, content)).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(SimulationError);
  return (error as Error).message;
}

describe("a trace", () => {
  test("is read in the order of time, whatever its lines' order, ends and comments", async () => {
    const content = `\uFEFF# recorded\r\n\r\n${HEADER.trim()}\r\n500,b,manual,"a, b"\r\n\r\n# later\r\n0,a,file-write,it's "x", y\r\n`;
    expect(await triggersIn("t.csv", content)).toEqual([
      [0, "a", "file-write"],
      [500, "b", "manual"],
    ]);
  });

  test("may have a detail, in which a comma is only that", async () => {
    expect(parseCsv("t.csv", `${HEADER}0,a,manual,x, "y"\n`)).toMatchObject([{ detail: 'x, "y"' }]);
    expect(parseCsv("t.csv", "detail,offset_ms,workspace,source\nx,7,a,manual,y")).toMatchObject([{ detail: "x" }]);
  });

  test("may say which writes changed nothing", () => {
    const trace =
      "offset_ms,workspace,source,changed,detail\n0,a,file-write,yes,x\n1,a,file-write,no,y\n2,a,file-write,,z";
    const unchanged = parseCsv("t.csv", trace).map((trigger) => trigger.unchanged ?? false);
    expect(unchanged).toEqual([false, true, false]);
  });

  test("may have its columns in another order, more of them, and no detail", async () => {
    expect(await triggersIn("t.csv", "source,who,workspace,offset_ms\nmanual,me,a,7")).toEqual([[7, "a", "manual"]]);
  });

  test.each([
    ["an offset that is no number", "soon,a,manual,x", /trace\.csv:3: expected offset_ms.*got "soon"/],
    ["a negative offset", "-5,a,manual,x", /trace\.csv:3: expected offset_ms.*got "-5"/],
    ["an impossible workspace", "0,../a,manual,x", /trace\.csv:3: expected a workspace id.*got "\.\.\/a"/],
    ["a line that stops early", "0,a", /trace\.csv:3: expected a source, got nothing/],
  ])("with %s is refused, naming the line", async (_, line, expected) => {
    expect(await complaintAbout(`${HEADER}0,a,manual,x\n${line}\n`)).toMatch(expected);
  });

  test("without a header is refused, naming what was expected", async () => {
    expect(await complaintAbout("0,a,manual,x\n")).toMatch(
      /trace\.csv:1: expected a header with offset_ms, workspace, source/,
    );
    expect(await complaintAbout("")).toMatch(/expected the header/);
  });

  test("that is not there is refused", async () => {
    await expect(readRecording("/no/such.csv")).rejects.toThrow(/\/no\/such\.csv: cannot be read/);
  });
});

const decision = (time: string | number, more: object) =>
  JSON.stringify({ level: 30, time, workspaceId: "a", source: "manual", decision: "fired", rule: "window", ...more });

describe("the API's log", () => {
  test("gives a trigger for each decision, counted from the first, and leaves out the rest", async () => {
    const lines = [
      '{"level":30,"time":"2026-05-20T22:00:00.000Z","msg":"listening"}',
      `api_1  | ${decision("2026-05-20T22:00:02.500Z", { source: "file-write" })}`,
      "No API_TOKENS",
      decision("2026-05-20T22:00:01.000Z", {}),
      decision("2026-05-20T22:00:09.000Z", { decision: "refused", rule: "paused" }),
    ];
    const { triggers, notes } = await readRecording(fileWith("api.log", lines.join("\n")));
    expect(triggers.map(({ atMs, source }) => [atMs, source])).toEqual([
      [0, "manual"],
      [1_500, "file-write"],
    ]);
    expect(notes.join()).toMatch(/1 refused.*1 lines without JSON/);
  });

  test.each([
    ["is cut off", '{"time":', /api\.log:2: expected a JSON log line/],
    ["has no time", decision("yesterday", {}), /api\.log:2: expected "time".*got "yesterday"/],
    ["has no workspace", decision(0, { workspaceId: undefined }), /api\.log:2: expected a workspace id/],
  ])("with a line that %s is refused, naming it", async (_, line, expected) => {
    expect(await complaintAbout(`${decision(0, {})}\n${line}`, "api.log")).toMatch(expected);
  });
});

const T0 = Date.parse("2026-05-20T22:00:00Z");
const iso = (ms: number) => new Date(T0 + ms).toISOString();
const fired = (ms: number, covers: object[]) => ({
  ...{ id: `${ms}-0`, event: "WORKSPACE_AUTO_RESTART_FIRED", workspace_id: "demo", timestamp: iso(ms) },
  payload: { covers },
});
const group = (source: string, count: number, firstAt: number, lastAt: number) => ({
  ...{ source, count, firstAt: T0 + firstAt, lastAt: T0 + lastAt },
});

test("saved activity gives what each cycle covered, once, and what was dropped", async () => {
  const activity = [
    fired(90_000, [group("file-write", 4, 1_000, 4_000)]),
    { ...fired(2_000, []), event: "WORKSPACE_RESTART_DROPPED", payload: { source: "a2a-preflight" } },
    // This one was declined, and what it covered came again with one more.
    fired(5_000, [group("file-write", 3, 1_000, 3_000)]),
    fired(0, [group("manual", 1, 0, 0)]),
  ];
  expect(await triggersIn("activity.json", JSON.stringify({ activity, nextBefore: null }))).toEqual([
    [0, "demo", "manual"],
    [1_000, "demo", "file-write"],
    [2_000, "demo", "a2a-preflight"],
    [2_000, "demo", "file-write"],
    [3_000, "demo", "file-write"],
    [4_000, "demo", "file-write"],
  ]);
});

describe("a running system", () => {
  async function serving(answers: Record<string, unknown>): Promise<string> {
    const server = createServer((request, response) => {
      const allowed = request.headers.authorization === "Bearer secret";
      const answer = answers[request.url ?? ""];
      response.writeHead(!allowed ? 401 : answer === undefined ? 404 : 200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(answer ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const why = [{ source: "file-write", count: 1, firstAt: iso(9_000), lastAt: iso(9_000) }];
  const answers = {
    "/workspaces?limit=200": { workspaces: [{ id: "demo", restart: { why } }], nextCursor: null },
    "/workspaces/demo": { id: "demo", restart: { why } },
    "/workspaces/demo/activity?limit=200": { activity: [fired(3_000, [])], nextBefore: "3000-0" },
    "/workspaces/demo/activity?limit=200&before=3000-0": {
      activity: [fired(0, [group("manual", 1, 0, 0)])],
      nextBefore: null,
    },
  };

  test.each(["", "/", "/workspaces/demo", "/workspaces/demo/activity"])(
    "is asked at %j, page by page",
    async (path) => {
      const { triggers } = await readRecording((await serving(answers)) + path, "secret");
      expect(triggers.map(({ atMs, source }) => [atMs, source])).toEqual([
        [0, "manual"],
        [9_000, "file-write"],
      ]);
    },
  );

  test("that wants a token, is not there, or answers something else is named", async () => {
    const url = await serving(answers);
    await expect(readRecording(url)).rejects.toThrow(/expected a token with scope read \(--token\), got a 401/);
    await expect(readRecording(`${url}/workspaces/none`, "secret")).rejects.toThrow(/expected 200, got 404/);
    await expect(readRecording("http://127.0.0.1:9", "secret")).rejects.toThrow(/no answer/);
    const other = await serving({ "/workspaces/demo": { hello: "there" } });
    await expect(readRecording(`${other}/workspaces/demo`, "secret")).rejects.toThrow(/expected this system's API/);
  });
});
