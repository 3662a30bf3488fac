/** What one source contributed to an owed or running cycle. Times are milliseconds of Redis' clock. */
export interface CoveredSource {
  readonly source: string;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  /** The newest distinct reasons, newest first, at most 32, each at most 200 bytes. */
  readonly reasons?: readonly string[];
  readonly actors?: readonly string[];
  /** The files that were written, in the same way. */
  readonly files?: readonly string[];
  /** How many further distinct reasons, actors and files there were. */
  readonly moreReasons?: number;
  readonly moreActors?: number;
  readonly moreFiles?: number;
}

/** Reads the hash the scripts keep of what is owed (`lua/shared/why.lua`). */
export function parseWhy(fields: Readonly<Record<string, string>>): CoveredSource[] {
  const texts = new Map<string, Record<Mark, [string, number][]>>();
  const summaries: [source: string, summary: string][] = [];
  for (const [field, value] of Object.entries(fields)) {
    const [, source = "", mark, text = ""] = /^([^:@/]+)(?:([:@/])(.*))?$/s.exec(field) ?? [];
    if (mark === undefined) {
      summaries.push([source, value]);
      continue;
    }
    const entry = texts.get(source) ?? { ":": [], "@": [], "/": [] };
    texts.set(source, entry);
    entry[mark as Mark].push([text, Number(value)]);
  }
  const newestFirst = (given: [string, number][] = []) =>
    given.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([text]) => text);
  return summaries
    .map(([source, summary]) => {
      const [count = 0, firstAt = 0, span = 0, moreReasons = 0, moreActors = 0, moreFiles = 0] = summary
        .split(" ")
        .map(Number);
      const given = texts.get(source);
      const lists = {
        reasons: newestFirst(given?.[":"]),
        actors: newestFirst(given?.["@"]),
        files: newestFirst(given?.["/"]),
      };
      return { source, count, firstAt, lastAt: firstAt + span, ...lists, moreReasons, moreActors, moreFiles };
    })
    .sort((a, b) => a.firstAt - b.firstAt || (a.source < b.source ? -1 : 1));
}

/** Reads what a cycle covers, as the scripts tell it: Lua's JSON encoder writes an empty list as an empty object. */
export function coversIn(json: string): CoveredSource[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value : [];
}

/** Reads what a cycle covers: as of what is owed, with nothing left out. */
export function parseCovers(json: string | undefined): CoveredSource[] {
  const covers = json === undefined ? [] : coversIn(json);
  return covers.map((covered) => ({ ...NOTHING_MORE, ...covered }));
}

const NOTHING_MORE = { reasons: [], actors: [], files: [], moreReasons: 0, moreActors: 0, moreFiles: 0 };

/** What stands between a source and a reason, an actor or a file. */
type Mark = ":" | "@" | "/";

/** As many distinct texts of a kind are kept per source. */
export const DISTINCT_KEPT = 32;

/** The distinct texts as they are kept, in the order in which they were given last, and how many are left out. */
export function distinctTexts(texts: readonly (string | undefined)[]): { kept: readonly string[]; more: number } {
  // Compared as they came before they are cut: of a herd, few differ. From the last, which is the one that counts.
  const given = new Set<string>();
  for (let i = texts.length - 1; i >= 0; i -= 1) {
    const text = texts[i];
    if (text !== undefined) given.add(text);
  }
  const distinct = new Set<string>();
  for (const text of given) distinct.add(keptText(text));
  distinct.delete("");
  const all = [...distinct].reverse();
  return { kept: all.slice(-DISTINCT_KEPT), more: Math.max(0, all.length - DISTINCT_KEPT) };
}

export const TEXT_BYTES_KEPT = 200;

/** A reason, actor or path as it is kept: well-formed, one line, at most 200 bytes, cut between characters. */
export function keptText(text: string): string {
  const wellFormed = text.toWellFormed();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  const line = wellFormed.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (Buffer.byteLength(line) <= TEXT_BYTES_KEPT) return line;
  const cut = Buffer.from(line)
    .subarray(0, TEXT_BYTES_KEPT - 3)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
  return `${cut}…`;
}
