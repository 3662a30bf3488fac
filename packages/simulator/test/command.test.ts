import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runSimulation } from "../src/index.ts";
import { fileWith } from "./support.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CANVAS_SAVE = `${ROOT}/traces/canvas-save.csv`;
const cycleMs = 30_000;

/** As `pnpm simulate` runs it. */
function command(...args: string[]) {
  const script = (JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")) as { scripts: { simulate: string } })
    .scripts;
  const [program, ...rest] = script.simulate.split(" ");
  return spawnSync(program as string, [...rest, ...args], { cwd: ROOT, encoding: "utf8" });
}

describe("the command", () => {
  test("prints JSON alone on stdout, for every trace, profile and workspace", () => {
    const traces = ["traces/canvas-save.csv", "traces/secrets-and-probes.csv"];
    const { stdout, status } = command(...traces, "--profile", "seed,settle", "--cycle", "30s", "--json");
    expect(status).toBe(0);
    const records = JSON.parse(stdout) as { trace: string; profile: string }[];
    expect(records.map(({ trace, profile }) => `${trace} ${profile}`)).toEqual([
      "canvas-save seed",
      "canvas-save settle",
      "secrets-and-probes seed",
      "secrets-and-probes settle",
    ]);
  });

  test("refuses what it does not understand with a message, not a stack", () => {
    const { stderr, stdout, status } = command("traces/canvas-save.csv", "--profile", "setle");
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/did you mean settle\?/);
    expect(stderr).not.toMatch(/ at .*\.ts/);
    expect(command(fileWith("bad.csv", "offset_ms,workspace,source\nx,a,manual\n")).stderr).toMatch(
      /bad\.csv:2: expected offset_ms, whole milliseconds from 0, got "x"/,
    );
  });
});

test("a trace of 100,000 lines takes seconds", async () => {
  const lines = Array.from({ length: 100_000 }, (_, i) => `${i * 700},w${i % 50},file-write,f${i}`);
  const file = fileWith("huge.csv", `offset_ms,workspace,source,detail\n${lines.join("\n")}\n`);
  const { output } = await runSimulation({ recordings: [file], profiles: ["default", "seed"], cycleMs });
  expect(output).toMatch(/huge +default +\d+/);
}, 15_000);

test("a source that a policy does not know is named with the nearest one", async () => {
  const file = fileWith("own.csv", "offset_ms,workspace,source\n0,a,file-writes\n");
  await expect(runSimulation({ recordings: [file], profiles: ["seed"], cycleMs })).rejects.toThrow(
    /own\.csv:2: expected a source that seed knows .*got "file-writes": did you mean file-write\?/,
  );
});

test("a policy file is compared beside the profiles", async () => {
  const file = fileWith(
    "eager.yaml",
    "sources:\n  file-write:\n    windowMs: 1000\n    maxWaitMs: 1000\ncooldownMs: 0\n",
  );
  const options = { recordings: [CANVAS_SAVE], profiles: ["default"] as const, policyFiles: [file], json: true };
  const { output } = await runSimulation({ ...options, cycleMs });
  const records = JSON.parse(output) as { profile: string; cycles: number[] }[];
  expect(records.map(({ profile }) => profile)).toEqual(["default", "eager.yaml"]);
  expect(records[1]?.cycles.length).toBeGreaterThan(2);
});

test("the timeline shows triggers, cycles, the cooldown, and the write that nothing covers", async () => {
  const { output } = await runSimulation({ recordings: [CANVAS_SAVE], profiles: ["seed"], cycleMs, width: 60 });
  const row = (label: string) =>
    output.split("\n").find((line) => line.startsWith(`${label} `) && line.includes("│")) ?? "";
  expect(row("triggers")).toMatch(/│[ ·•●]+$/);
  expect(row("seed")).toMatch(/│█+░+ +█+×█+░*$/);
  expect(Math.max(...output.split("\n").map((line) => line.length))).toBeLessThanOrEqual(60 + 40);
});

test("the picture is well-formed, with a box for each cycle and words escaped", async () => {
  const svgFile = fileWith("out.svg", "");
  const trace = fileWith("a<b>&c.csv", readFileSync(CANVAS_SAVE, "utf8"));
  await runSimulation({ recordings: [trace], profiles: ["seed", "settle"], cycleMs, svgFile });
  const svg = readFileSync(svgFile, "utf8");
  expect(svg.match(/class="cycle"/g)).toHaveLength(3);
  expect(svg.match(/class="uncovered"/g)).toHaveLength(1);
  expect(svg).toContain("a&lt;b&gt;&amp;c");
  const open: string[] = [];
  for (const [, end, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end === "/") expect(open.pop()).toBe(name);
    else if (empty !== "/") open.push(name as string);
  }
  expect(open).toEqual([]);
});

test("an empty trace is no error, and is told", async () => {
  const file = fileWith("empty.csv", "offset_ms,workspace,source,detail\n");
  const { output, notes } = await runSimulation({ recordings: [file], profiles: ["seed"], cycleMs, json: true });
  expect(JSON.parse(output)).toEqual([]);
  expect(notes).toEqual(["empty: no triggers in it"]);
});

test("quiet hours count where the date is known: a trace's is given", async () => {
  const policy =
    "quietHours: {timeZone: UTC, windows: [{from: 0 22 * * *, until: 0 6 * * *}], except: [plugin-change]}\n";
  const policyFiles = [fileWith("quiet.yaml", policy)];
  const trace = fileWith("night.csv", "offset_ms,workspace,source\n0,a,file-write\n600000,a,file-write\n");
  const options = { recordings: [trace], profiles: [], policyFiles, cycleMs, json: true };
  const startsOf = async (startMs?: number) => {
    const { output, notes } = await runSimulation({ ...options, startMs });
    return { starts: JSON.parse(output)[0].cycles, notes, decisions: JSON.parse(output)[0].decisions };
  };
  const tenMinutesBefore = Date.parse("2026-05-20T21:50:00Z");
  expect(await startsOf(tenMinutesBefore)).toEqual({
    starts: [0, 8 * 3_600_000 + 600_000],
    notes: [],
    decisions: { "fired/window": 1, "coalesced/quiet-hours": 1 },
  });
  const undated = await startsOf();
  expect(undated.starts).toEqual([0, 600_000]);
  expect(undated.notes.join()).toMatch(/no quiet hours in night, which has no date: give one with --start/);
});
