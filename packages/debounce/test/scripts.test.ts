import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createKeySpace } from "../src/keys.ts";
import { piecesOf, readPiece } from "../src/lua-pieces.ts";
import { loadScript, SCRIPT_NAMES } from "../src/scripts.ts";
import { EVENTS } from "../src/vocabulary.ts";

const LUA = new URL("../lua/", import.meta.url);
const namesIn = (directory: string) =>
  readdirSync(new URL(directory, LUA)).flatMap((file) => /^(.*)\.lua$/.exec(file)?.[1] ?? []);
const PIECES = [...namesIn("common/"), ...namesIn("shared/")];
const read = (name: string) =>
  PIECES.includes(name) ? readPiece(LUA, name) : readFileSync(new URL(`${name}.lua`, LUA), "utf8");
const uncommented = (lua: string) => lua.replace(/--.*$/gm, "");
const allMatches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => String(match[1]));
const distinct = (words: readonly string[]) => [...new Set(words)].sort();

/** The header: the comment lines before the first line of code. */
const headerOf = (name: string) => /^(?:--.*\n)+/.exec(read(name))?.[0] ?? "";
const labelled = (name: string, label: string) =>
  allMatches(headerOf(name), new RegExp(`^-- ${label}: (.*)$`, "gm")).join(" ");

/** The functions of some pieces by name, each with its text. */
function functionsOf(pieces: readonly string[]): Map<string, string> {
  const texts = pieces.flatMap((piece) =>
    uncommented(read(piece))
      .split(/^local function /m)
      .slice(1),
  );
  return new Map(texts.map((text) => [/^\w+/.exec(text)?.[0] ?? "", text]));
}

/** What a piece declares for those that use it. */
const declaredBy = (piece: string) =>
  allMatches(uncommented(read(piece)), /^local (?:function )?([\w, ]+)/gm).flatMap((names) =>
    names.trim().split(/,\s*/),
  );

/** A script's code and that of every shared function it reaches. */
function codeOf(name: string): string {
  const functions = functionsOf([...piecesOf(LUA, read(name)), "recall"]);
  const remembers = labelled(name, "Batch") === "remembered" ? "recallAnswer() keepAnswer()" : "";
  const reached = new Map([["the script itself", `${uncommented(read(name))}\n${remembers}`]]);
  for (const text of reached.values()) {
    for (const [called, its] of functions) {
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

describe.each([...SCRIPT_NAMES, ...PIECES])("what %s.lua uses", (name) => {
  const uses = labelled(name, "Uses").split(/\s+/).filter(Boolean);
  const words = (text: string) => new Set(text.match(/\b[A-Za-z]\w*\b/g));

  test("is named in its header, and nothing else", () => {
    const own = words(uncommented(read(name)).replace(/'[^']*'|[.:]\w+/g, ""));
    const needed = PIECES.filter((piece) => piece !== name && declaredBy(piece).some((word) => own.has(word)));
    const needless = uses.filter((piece) => !needed.includes(piece));
    expect(needless).toEqual([]);
    const inFront = piecesOf(LUA, read(name));
    expect(needed.filter((piece) => !inFront.includes(piece))).toEqual([]);
  });
});

describe("the scripts", () => {
  const files = [...SCRIPT_NAMES, ...PIECES];

  test("are the files that are loaded, and each piece is used", () => {
    expect(namesIn(".").sort()).toEqual([...SCRIPT_NAMES].sort());
    expect(distinct(SCRIPT_NAMES.flatMap((name) => piecesOf(LUA, read(name))))).toEqual(distinct(PIECES));
    const declared = PIECES.flatMap(declaredBy);
    expect(new Set(declared).size).toBe(declared.length);
  });

  test.each(files)("%s counts no positions and asks for no clock of its own", (name) => {
    expect(uncommented(read(name))).not.toMatch(/\b(KEYS|ARGV)\b/);
    const clocks = name === "clock" ? 1 : 0;
    expect(allMatches(uncommented(read(name)), /redis\.call\('(TIME)'/g)).toHaveLength(clocks);
  });

  test.each(files)("%s leaves no global behind", (name) => {
    const code = uncommented(read(name));
    const assigned = distinct(allMatches(code, /^\s*(\w+)\s*=[^=]/gm));
    const declared = new Set([
      ...piecesOf(LUA, read(name)).flatMap(declaredBy),
      ...allMatches(code, /\blocal ([\w, ]+?)\s*(?:=|$)/gm).flatMap((names) => names.split(/,\s*/)),
      ...allMatches(code, /\bfunction \w*\(([^)]*)\)/g).flatMap((names) => names.split(/,\s*/)),
    ]);
    // Fields of table constructors look like assignments.
    const fields = new Set(allMatches(code, /[{,]\s*\n?\s*(\w+)\s*=[^=]/g));
    expect(assigned.filter((word) => !declared.has(word) && !fields.has(word))).toEqual([]);
  });

  test("use no field of the state that is not explained", () => {
    const explained = new Set(
      allMatches(/The state hash[\s\S]*?\nlocal /.exec(read("state"))?.[0] ?? "", /\b([a-z]\w+)\b/gi),
    );
    const used = distinct(files.flatMap((name) => allMatches(uncommented(read(name)), /\bstate\.(\w+)/g)));
    expect(used.filter((field) => !explained.has(field))).toEqual([]);
    expect(used.length).toBeGreaterThan(20);
  });
});
