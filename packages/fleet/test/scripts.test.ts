import { readdirSync, readFileSync } from "node:fs";
import { readScript } from "@restart-coordinator/debounce";
import { describe, expect, test } from "vitest";
import { FLEET_LUA, FLEET_SCRIPTS } from "../src/scripts.ts";

const uncommented = (lua: string) => lua.replace(/--.*$/gm, "");
const distinct = (words: readonly string[]) => [...new Set(words)].sort();
const read = (name: string) => readFileSync(new URL(`${name}.lua`, FLEET_LUA), "utf8");
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => String(match[1]));

/** A script's code and that of every function in front of it that it reaches. */
function codeOf(name: string): string {
  const functions = uncommented(readScript(FLEET_LUA, name).lua)
    .split(/^local function /m)
    .slice(1)
    .map((text) => [/^\w+/.exec(text)?.[0] ?? "", /^[\s\S]*?^end$|^.* end$/m.exec(text)?.[0] ?? ""] as const);
  const reached = new Map([["", uncommented(read(name))]]);
  for (const text of reached.values()) {
    for (const [called, its] of functions) if (new RegExp(`\\b${called}\\(`).test(text)) reached.set(called, its);
  }
  return [...reached.values()].join("\n");
}

describe.each(FLEET_SCRIPTS)("the header of %s.lua", (name) => {
  const { keys, args } = readScript(FLEET_LUA, name);
  const header = /^(?:--.*\n)+/.exec(read(name))?.[0] ?? "";

  test("names the keys and the arguments that are used, and no others", () => {
    expect(distinct(keys)).toEqual(distinct(all(codeOf(name), /\bK\.(\w+)/g)));
    expect(distinct(args)).toEqual(distinct(all(codeOf(name), /\bA\.(\w+)/g)));
    if (args.includes("now")) expect(args.at(-1)).toBe("now");
  });

  test("tells every reply", () => {
    const replies = all(codeOf(name), /return \{ '([\w-]+)'/g);
    expect(distinct(all(header, /\{'([\w-]+)'/g))).toEqual(distinct(replies));
  });
});

test("the scripts are the files that are loaded", () => {
  const files = readdirSync(FLEET_LUA).flatMap((file) => /^(.*)\.lua$/.exec(file)?.[1] ?? []);
  expect(files.sort()).toEqual([...FLEET_SCRIPTS].sort());
});
