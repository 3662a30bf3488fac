import { describe, expect, it } from "vitest";
import { parseOptions, UsageError } from "../src/options.ts";
import { defaultSpeed, scaledPolicy } from "../src/scaled-policy.ts";
import { loadTrace, parseTrace } from "../src/trace.ts";

describe("the options", () => {
  it("have defaults", () => {
    expect(parseOptions([])).toEqual({
      ...{ profile: "default", trace: "canvas-save", speed: undefined, cycleMs: 30_000, provisioner: "process" },
      ...{ kill: false, keep: false, json: false },
    });
  });

  it.each([
    [["--kil"], "unknown option --kil: did you mean --kill?"],
    [["--profile", "sed"], '--profile: expected default, seed, settle, got "sed"'],
    [["--speed", "0"], '--speed: expected a number above 0, at most 100, got "0"'],
    [["--speed", "fast"], '--speed: expected a number above 0, at most 100, got "fast"'],
    [["--cycle", "half a minute"], '--cycle: expected a time such as 30s or 500ms, at most 600s, got "half a minute"'],
    [["seed"], /Unexpected argument 'seed'/],
    [["--trace"], /argument missing/],
  ])("%j is told in plain words", (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});

describe("a trace", () => {
  it("is found by its name", async () => {
    const trace = await loadTrace("canvas-save");
    expect([trace.entries.length, trace.workspaces, trace.durationMs]).toEqual([20, ["seo-agent"], 71_400]);
  });

  it("that is not there is told with those that are", async () => {
    await expect(loadTrace("canvas")).rejects.toThrow(/Expected a CSV file, or canvas-save, /);
  });

  const header = "offset_ms,workspace,source,detail\n";
  it("begins with its first entry", () => {
    const { entries } = parseTrace("t", `# a comment\n${header}900,w,file-write,b\n500,w,secret-change,x, y\n`);
    expect(entries.map(({ offsetMs, detail }) => [offsetMs, detail])).toEqual([
      [0, "x, y"],
      [400, "b"],
    ]);
  });

  it.each([
    ["0,w,file-write,a\n", "trace t:1: expected a header with offset_ms, workspace, source"],
    [header, "trace t: it has no entries"],
    [`${header}soon,w,file-write,a\n`, 'trace t:2: expected offset_ms, whole milliseconds from 0, got "soon"'],
    [`${header}0,.w,file-write,a\n`, /^trace t:2: expected a workspace id .*, got "\.w"$/],
    [`${header}0,w,file-wrote,a\n`, /^trace t:2: expected a source of file-write, .* got "file-wrote"$/],
    [`${header}0,w,file-write,\n`, "trace t:2: the detail (a file, or a reason) is missing"],
  ])("that makes no sense names the line: %j", (text, message) => {
    expect(() => parseTrace("t", text)).toThrow(message);
  });
});

describe("the speed", () => {
  it("is chosen so that a Save is done in about half a minute", async () => {
    expect(defaultSpeed(await loadTrace("canvas-save"), 30_000)).toBe(5);
  });

  it("divides every time of the policy, and leaves none as none", () => {
    const policy = scaledPolicy("default", 4);
    expect(policy.cooldownMs).toBe(15_000);
    expect(policy.retry).toEqual({ backoffMs: 1_250, maxBackoffMs: 75_000, breakerAfter: 5 });
    expect(policy.sources["file-write"]).toMatchObject({ windowMs: 3_750, maxWaitMs: 30_000, trailing: true });
    expect(policy.sources.manual).toMatchObject({ windowMs: 0, maxWaitMs: 0 });
  });
});
