import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createKeySpace } from "../src/keys.ts";
import { loadScript, SCRIPT_NAMES } from "../src/scripts.ts";
import { EVENTS } from "../src/vocabulary.ts";

const LUA = new URL("../lua/", import.meta.url);
const read = (name: string) => readFileSync(new URL(`${name}.lua`, LUA), "utf8");
const uncommented = (lua: string) => lua.replace(/--.*$/gm, "");
const allMatches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => String(match[1]));
const distinct = (words: readonly string[]) => [...new Set(words)].sort();

/** The header: the comment lines before the first line of code. */
const headerOf = (name: string) => /^(?:--.*\n)+/.exec(read(name))?.[0] ?? "";
const labelled = (name: string, label: string) =>
  allMatches(headerOf(name), new RegExp(`^-- ${label}: (.*)$`, "gm")).join(" ");

/** The prelude's functions by name, each with its text. */
const preludeFunctions = new Map(
  uncommented(read("prelude"))
    .split(/^local function /m)
    .slice(1)
    .map((text) => [/^\w+/.exec(text)?.[0] ?? "", text]),
);

/** A script's code and that of every prelude function it reaches. */
function codeOf(name: string): string {
  const reached = new Map([["the script itself", uncommented(read(name))]]);
  for (const text of reached.values()) {
    for (const [called, its] of preludeFunctions) {
      if (new RegExp(`\\b${called}\\(`).test(text)) reached.set(called, its);
    }
  }
  return [...reached.values()].join("\n");
}

describe.each(SCRIPT_NAMES)("the header of %s.lua", (name) => {
  const { keys, args } = loadScript(name);

  test("names the keys that the script and the functions it calls use, and no others", () => {
    expect(distinct(keys)).toEqual(distinct(allMatches(codeOf(name), /\bK\.(\w+)/g)));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("names the arguments in the same way, the time last", () => {
    expect(distinct(args)).toEqual(distinct(allMatches(codeOf(name), /\bA\.(\w+)/g)));
    expect(new Set(args).size).toBe(args.length);
    expect(args.at(-1)).toBe("now");
  });

  test("names the events that are written", () => {
    const written = allMatches(codeOf(name), /'(WORKSPACE_[A-Z_]+)'/g);
    expect(distinct(allMatches(labelled(name, "Events"), /\b(WORKSPACE_[A-Z_]+)/g))).toEqual(distinct(written));
    for (const event of written) expect(EVENTS).toContain(event);
  });

  test("tells every reply", () => {
    const body = uncommented(read(name));
    const replies = allMatches(body, /return \{ '([\w-]+)'/g);
    const told = labelled(name, "Reply");
    expect(told).not.toBe("");
    for (const reply of replies) expect(told).toContain(`'${reply}'`);
    const repliesTold = distinct(allMatches(told, /\{'([\w-]+)'/g));
    for (const reply of repliesTold) expect(body).toContain(`'${reply}'`);
  });

  test("says what the script does", () => {
    expect(headerOf(name)).toMatch(/^-- [A-Z][^\n]+\.\n/);
  });
});

describe.each(SCRIPT_NAMES)("what the header of %s.lua calls shared", (name) => {
  const { parts } = loadScript(name);

  test("are words of it, and no key that a workspace has of its own", () => {
    const words = labelled(name, "Shared").split(/\s+/).filter(Boolean);
    const { keys, args } = loadScript(name);
    for (const word of words) expect([...keys, ...args]).toContain(word);
    const [one, other] = ["one", "other"].map((id) => createKeySpace("rc", 1).keysOf(id));
    for (const role of parts.sharedKeys) expect(one?.(role as "due")).toBe(other?.(role as "due"));
  });
});

describe("the scripts", () => {
  const files = readdirSync(LUA).map((file) => file.replace(/\.lua$/, ""));

  test("are the files that are loaded, and the prelude", () => {
    expect(files.sort()).toEqual([...SCRIPT_NAMES, "prelude"].sort());
  });

  test.each(files)("%s counts no positions and asks for no clock of its own", (name) => {
    expect(uncommented(read(name))).not.toMatch(/\b(KEYS|ARGV)\b/);
    const clocks = name === "prelude" ? 1 : 0;
    expect(allMatches(uncommented(read(name)), /redis\.call\('(TIME)'/g)).toHaveLength(clocks);
  });

  test.each(files)("%s leaves no global behind", (name) => {
    const code = uncommented(read(name));
    const assigned = distinct(allMatches(code, /^\s*(\w+)\s*=[^=]/gm));
    const declared = new Set([
      ...allMatches(code, /\blocal ([\w, ]+?)\s*(?:=|$)/gm).flatMap((names) => names.split(/,\s*/)),
      ...allMatches(code, /\bfunction \w*\(([^)]*)\)/g).flatMap((names) => names.split(/,\s*/)),
    ]);
    // Fields of table constructors look like assignments.
    const fields = new Set(allMatches(code, /[{,]\s*\n?\s*(\w+)\s*=[^=]/g));
    expect(assigned.filter((word) => !declared.has(word) && !fields.has(word))).toEqual([]);
  });

  test("use no field of the state that the prelude does not explain", () => {
    const explained = new Set(
      allMatches(/The state hash[\s\S]*?\nlocal /.exec(read("prelude"))?.[0] ?? "", /\b([a-z]\w+)\b/gi),
    );
    const used = distinct(files.flatMap((name) => allMatches(uncommented(read(name)), /\bstate\.(\w+)/g)));
    expect(used.filter((field) => !explained.has(field))).toEqual([]);
    expect(used.length).toBeGreaterThan(20);
  });
});
