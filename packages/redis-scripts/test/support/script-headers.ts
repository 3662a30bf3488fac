/** What must hold of every set of scripts: headers tell the truth, and no script counts positions or leaves globals behind. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { piecesOf, readPiece } from "../../src/pieces.ts";
import { readScript } from "../../src/script.ts";

const uncommented = (lua: string) => lua.replace(/--.*$/gm, "");
export const allMatches = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map((match) => String(match[1]));
export const distinct = (words: readonly string[]) => [...new Set(words)].sort();

/** Reads a set's scripts and pieces as text, for tests that look at what is written. */
export class ScriptTexts {
  readonly names: readonly string[];
  readonly pieces: readonly string[];
  readonly #directory: URL;

  constructor(directory: URL, names: readonly string[]) {
    this.#directory = directory;
    this.names = names;
    this.pieces = distinct(names.flatMap((name) => this.inFrontOf(name)));
  }

  filesIn(folder: string): string[] {
    return readdirSync(new URL(folder, this.#directory)).flatMap((file) => /^(.*)\.lua$/.exec(file)?.[1] ?? []);
  }

  read(name: string): string {
    if (!this.names.includes(name)) return readPiece(this.#directory, name);
    return readFileSync(new URL(`${name}.lua`, this.#directory), "utf8");
  }

  code(name: string): string {
    return uncommented(this.read(name));
  }

  /** The comment lines before the first line of code. */
  header(name: string): string {
    return /^(?:--.*\n)+/.exec(this.read(name))?.[0] ?? "";
  }

  labelled(name: string, label: string): string {
    return allMatches(this.header(name), new RegExp(`^-- ${label}: (.*)$`, "gm")).join(" ");
  }

  inFrontOf(name: string): string[] {
    const remembers = this.labelled(name, "Batch") === "remembered" ? "-- Uses: recall\n" : "";
    const counts = this.labelled(name, "Whole") === "" ? "" : "-- Uses: whole\n";
    return piecesOf(this.#directory, `${this.read(name)}${remembers}${counts}`);
  }

  /** What a piece declares for those that use it. */
  declaredBy(piece: string): string[] {
    const lists = allMatches(this.code(piece), /^local (?:function )?([\w, ]+)/gm);
    return lists.flatMap((names) => names.trim().split(/,\s*/));
  }

  /** A script's code and that of every shared function it reaches. */
  reached(name: string): string {
    const functions = this.inFrontOf(name).flatMap((piece) =>
      this.code(piece)
        .split(/^local function /m)
        .slice(1)
        .map((text) => [/^\w+/.exec(text)?.[0] ?? "", text] as const),
    );
    const remembers = this.labelled(name, "Batch") === "remembered" ? "recallAnswer() keepAnswer()" : "";
    const texts = new Map([["the script itself", `${this.code(name)}\n${remembers}`]]);
    for (const text of texts.values()) {
      for (const [called, its] of functions) if (new RegExp(`\\b${called}\\(`).test(text)) texts.set(called, its);
    }
    return [...texts.values()].join("\n");
  }
}

/** Declares the tests of a set's headers. */
export function testHeaders(directory: URL, names: readonly string[]): void {
  const texts = new ScriptTexts(directory, names);

  describe.each(names)("the header of %s.lua", (name) => {
    const { keys, args, replies } = readScript(directory, name);

    test("says what the script does", () => {
      expect(texts.header(name)).toMatch(/^-- [A-Z][^\n]+\.\n/);
    });

    test("names the keys that the script and the functions it calls use, and no others", () => {
      expect(distinct(keys)).toEqual(distinct(allMatches(texts.reached(name), /\bK\.(\w+)/g)));
      expect(new Set(keys).size).toBe(keys.length);
    });

    test("names the arguments in the same way, the time last", () => {
      expect(distinct(args)).toEqual(distinct(allMatches(texts.reached(name), /\bA\.(\w+)/g)));
      expect(new Set(args).size).toBe(args.length);
      if (args.includes("now")) expect(args.at(-1)).toBe("now");
    });

    test("calls whole every argument that is a time, and no word that is no argument", () => {
      const whole = texts.labelled(name, "Whole").split(/\s+/).filter(Boolean);
      const named = whole.map((word) => word.replace("?", ""));
      expect(named.filter((word) => !(args as readonly string[]).includes(word))).toEqual([]);
      expect(args.filter((word) => /(Ms|^now)$/.test(word) && !named.includes(word))).toEqual([]);
    });

    test("names every kind of reply, and nothing is told that it does not name", () => {
      const code = texts.code(name);
      expect(code).not.toMatch(/return \{/);
      const told = [...allMatches(code, /\bR\.(\w+)/g), ...allMatches(code, /\bR\['([\w-]+)'\]/g)];
      expect(distinct(told)).toEqual(distinct([...replies.keys()]));
      for (const [kind, fields] of givenIn(code)) {
        const named = replies.get(kind) ?? [];
        expect(
          fields.filter((field) => !named.includes(field)),
          kind,
        ).toEqual([]);
      }
    });
  });

  describe.each([...names, ...texts.pieces])("what %s.lua uses", (name) => {
    test("is named in its header, and nothing else", () => {
      const uses = texts.labelled(name, "Uses").split(/\s+/).filter(Boolean);
      const own = new Set(
        texts
          .code(name)
          .replace(/'[^']*'|[.:]\w+/g, "")
          .match(/\b[A-Za-z]\w*\b/g),
      );
      const others = texts.pieces.filter((piece) => piece !== name);
      const needed = others.filter((piece) => texts.declaredBy(piece).some((word) => own.has(word)));
      expect(uses.filter((piece) => !needed.includes(piece))).toEqual([]);
      const inFront = texts.inFrontOf(name);
      expect(needed.filter((piece) => !inFront.includes(piece))).toEqual([]);
    });
  });

  describe("the scripts", () => {
    const files = [...names, ...texts.pieces];

    test("are the files that are loaded, and each piece of the set is used", () => {
      expect(texts.filesIn(".").sort()).toEqual([...names].sort());
      expect(texts.filesIn("shared/").filter((piece) => !texts.pieces.includes(piece))).toEqual([]);
      const declared = texts.pieces.flatMap((piece) => texts.declaredBy(piece));
      expect(new Set(declared).size).toBe(declared.length);
    });

    test.each(files)("%s counts no positions and asks for no clock of its own", (name) => {
      expect(texts.code(name)).not.toMatch(/\b(KEYS|ARGV)\b/);
      const clocks = name === "clock" ? 1 : 0;
      expect(allMatches(texts.code(name), /redis\.call\('(TIME)'/g)).toHaveLength(clocks);
    });

    test.each(files)("%s leaves no global behind", (name) => {
      const code = texts.code(name);
      const assigned = distinct(allMatches(code, /^\s*(\w+)\s*=[^=]/gm));
      const declared = new Set([
        ...texts.inFrontOf(name).flatMap((piece) => texts.declaredBy(piece)),
        ...allMatches(code, /\blocal ([\w, ]+?)\s*(?:=|$)/gm).flatMap((words) => words.split(/,\s*/)),
        ...allMatches(code, /\bfunction \w*\(([^)]*)\)/g).flatMap((words) => words.split(/,\s*/)),
      ]);
      // Fields of table constructors look like assignments.
      const fields = new Set(allMatches(code, /[{,]\s*\n?\s*(\w+)\s*=[^=]/g));
      expect(assigned.filter((word) => !declared.has(word) && !fields.has(word))).toEqual([]);
    });
  });
}

/** What the replies that are written out name: `R.held { heldUntil = … }`, or by way of `told = { … }` and `told.x = …`. */
function givenIn(code: string): (readonly [kind: string, fields: string[]])[] {
  const written = [...code.matchAll(/\bR(?:\.(\w+)|\['([\w-]+)'\])\s*(\{|\(told\))/g)];
  const told = [...fieldsAt(code, /\blocal told = \{/.exec(code)), ...allMatches(code, /\btold\.(\w+) =/g)];
  return written.map((match) => {
    const kind = String(match[1] ?? match[2]);
    const at = (match.index ?? 0) + match[0].length - 1;
    return [kind, match[3] === "{" ? fieldsFrom(code, at) : told] as const;
  });
}

function fieldsAt(code: string, match: RegExpExecArray | null): string[] {
  return match === null ? [] : fieldsFrom(code, match.index + match[0].length - 1);
}

/** The names in the table constructor whose brace stands at `open`; those of tables and calls within it are left out. */
function fieldsFrom(code: string, open: number): string[] {
  let depth = 0;
  let own = "";
  for (const letter of code.slice(open)) {
    if (letter === "}" || letter === ")" || letter === "]") depth -= 1;
    if (depth === 0 && own !== "") break;
    if (depth === 1) own += letter;
    if (letter === "{" || letter === "(" || letter === "[") depth += 1;
  }
  return allMatches(own, /(?:^|,)\s*(\w+)\s*=[^=]/g);
}
