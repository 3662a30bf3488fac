/**
 * What scripts share: pieces of Lua, each with one subject. A script's header, and a piece's own, name the ones it uses
 * (`-- Uses: …`); each goes in front once, after those that it uses itself. The less stands in front of a script, the
 * sooner it runs.
 */
import { existsSync, readFileSync } from "node:fs";

/** Of every set of scripts: Redis' clock, hashes, numbers, answers that are found again. */
export const COMMON_PIECES = new URL("../lua/", import.meta.url);

/** The names of the pieces of a text, those they use included, in the order in which they go in front. */
export function piecesOf(directory: URL, text: string): string[] {
  const names: string[] = [];
  const add = (name: string): void => {
    if (names.includes(name)) return;
    for (const used of headerWords(readPiece(directory, name), "Uses")) add(used);
    names.push(name);
  };
  for (const name of headerWords(text, "Uses")) add(name);
  return names;
}

/** Reads `<directory>/shared/<name>.lua`, or one of those that all sets share. */
export function readPiece(directory: URL, name: string): string {
  const own = new URL(`shared/${name}.lua`, directory);
  return readFileSync(existsSync(own) ? own : new URL(`${name}.lua`, COMMON_PIECES), "utf8");
}

/** The words behind a label of a header, from all its lines. */
export function headerWords(text: string, label: string): string[] {
  return labelledLines(text, label).flat();
}

/** The same, line by line. */
export function labelledLines(text: string, label: string): string[][] {
  return [...text.matchAll(new RegExp(`^-- ${label}: (.*)$`, "gm"))].map((line) => (line[1] ?? "").trim().split(/\s+/));
}
