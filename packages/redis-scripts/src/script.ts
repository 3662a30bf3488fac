/**
 * Reads a Lua script. Its header names its keys, its arguments and what each of its replies holds, and the loader makes
 * the tables `K`, `A` and `R` from it: a header cannot tell anything but the truth, and nobody counts positions.
 *
 *   -- KEYS: state due
 *   -- ARGV: id now
 *   -- Reply: held heldUntil dueAt      R.held { heldUntil = …, dueAt = … }; what is left out is told as ''
 *   -- Reply: unknown                   R.unknown()
 *   -- Whole: holdMs now?               arguments that must be whole numbers; with "?" they may be empty
 *   -- Uses: clock                      pieces of Lua that go in front, see pieces.ts
 *   -- Shared: due now                  what calls that go together have in common, see batches.ts
 *   -- Batch: remembered                such a batch is answered once
 */
import { readFileSync } from "node:fs";
import { type BatchParts, batchedLua, batchParts } from "./batched-lua.ts";
import { REFUSE_WHEN_LATE } from "./deadlines.ts";
import { headerWords, labelledLines, piecesOf, readPiece } from "./pieces.ts";

export interface Script<Role extends string = string> {
  readonly name: string;
  /** What the script touches, in the order of KEYS. */
  readonly keys: readonly Role[];
  /** The names of its arguments, in the order of ARGV. */
  readonly args: readonly string[];
  /** Of each kind of reply, the names of what it holds, in their order. */
  readonly replies: ReadonlyMap<string, readonly string[]>;
  /** The whole text as sent to Redis. */
  readonly lua: string;
  /** The same keys and arguments, those apart that all calls of a batch have in common. */
  readonly parts: BatchParts<Role>;
  /** The text that runs it for several calls, one after the other. */
  readonly batchedLua: string;
}

/** Reads `<directory>/<name>.lua` and the pieces that it uses. */
export function readScript<Role extends string>(directory: URL, name: string): Script<Role> {
  const text = readFileSync(new URL(`${name}.lua`, directory), "utf8");
  const isRemembered = headerWords(text, "Batch").includes("remembered");
  const whole = headerWords(text, "Whole");
  const body = `${wholeLua(whole)}${text}`;
  const implied = [...(isRemembered ? ["recall"] : []), ...(whole.length > 0 ? ["whole"] : [])];
  const pieces = piecesOf(directory, `${body}${implied.map((piece) => `-- Uses: ${piece}\n`).join("")}`);
  const keys = headerWords(body, "KEYS") as Role[];
  const args = headerWords(body, "ARGV");
  const replies = new Map(labelledLines(body, "Reply").map(([kind = "", ...names]) => [kind, names]));
  const inFront = [repliesLua(replies), ...pieces.map((piece) => readPiece(directory, piece))].join("\n");
  const table = (names: readonly string[], array: string) =>
    `{ ${names.map((word, i) => `${word} = ${array}[${i + 1}]`).join(", ")} }`;
  const lua = `${REFUSE_WHEN_LATE}local K = ${table(keys, "KEYS")}\nlocal A = ${table(args, "ARGV")}\n${inFront}\n${body}`;
  const parts = batchParts({ keys, args, shared: new Set(headerWords(body, "Shared")), isRemembered });
  return { name, keys, args, replies, lua, parts, batchedLua: batchedLua({ inFront, body, parts }) };
}

/** A function for each kind of reply, which puts what it is given into the order of the header. */
function repliesLua(replies: Script["replies"]): string {
  const functions = [...replies].map(([kind, names]) => {
    const values = names.map((name) => `r.${name} or ''`);
    return `['${kind}'] = function(${names.length > 0 ? "r" : ""}) return { ${[`'${kind}'`, ...values].join(", ")} } end`;
  });
  return `local R = { ${functions.join(",\n")} }`;
}

function wholeLua(names: readonly string[]): string {
  return names.map((name) => `whole('${name.replace("?", "")}', ${name.endsWith("?")})\n`).join("");
}
