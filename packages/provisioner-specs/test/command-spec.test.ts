import { describe, expect, test } from "vitest";
import { type CommandSpec, checkCommandDefaults, checkCommandSpec, explain } from "../src/index.ts";

const stop: [string] = ["/bin/stop"];
const start: [string] = ["/bin/start"];
const problemsOf = (spec: Record<string, unknown>, defaults: CommandSpec = {}) => {
  const checked = checkCommandSpec(spec, defaults);
  return checked.ok ? [] : explain(checked.problems);
};

describe("a spec is refused, with the field named,", () => {
  test.each([
    ["without stop", { start }, /^spec\.stop: needed/],
    ["without start and restart", { stop }, /^spec\.start: needed, or restart/],
    ["with both", { stop, start, restart: start }, /^spec\.restart: takes the place of start/],
    ["with an empty command", { stop: [], start }, /^spec\.stop/],
    ["with a command line instead of a list", { stop: "systemctl stop x", start }, /^spec\.stop/],
    ["with a path that depends on where it runs", { stop: ["./stop"], start }, /^spec\.stop\.0: must be an executable/],
    ["with an option for an executable", { stop: ["-x"], start }, /^spec\.stop\.0: must be an executable/],
    ["with a NUL character", { stop: ["/bin/stop", "a\0b"], start }, /^spec\.stop\.1: must not contain a NUL/],
    [
      "with a variable that is the provisioner's",
      { stop, start, env: { WORKSPACE_ID: "x" } },
      /^spec\.env\.WORKSPACE_ID/,
    ],
    ["with a time of 0", { stop, start, timeoutMs: 0 }, /^spec\.timeoutMs/],
    ["with a field nobody knows", { stop, start, restrat: start }, /restrat/],
  ])("%s", (_, spec, expected) => {
    expect(problemsOf(spec)).toMatch(expected);
  });
});

test("a workspace's spec lies over the defaults, its variables one by one, and null takes a default away", () => {
  const defaults: CommandSpec = { stop, start, status: ["/bin/status"], env: { A: "1", B: "2" }, timeoutMs: 5 };
  const checked = checkCommandSpec({ start: null, restart: ["restart"], status: null, env: { B: "3" } }, defaults);
  expect(checked).toEqual({
    ok: true,
    spec: {
      stop,
      restart: ["restart"],
      env: { A: "1", B: "3" },
      timeoutMs: 5,
      onlineTimeoutMs: 60_000,
      probeTimeoutMs: 30_000,
      killAfterMs: 5_000,
    },
  });
});

test("defaults need not be whole, but what they say must hold", () => {
  expect(() => checkCommandDefaults({ stop })).not.toThrow();
  expect(() => checkCommandDefaults({ stop, timeoutMs: -1 })).toThrow(/command provisioner defaults\.timeoutMs/);
});
