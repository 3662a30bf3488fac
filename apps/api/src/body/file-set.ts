/**
 * Reads a JSON body that carries the files of a set. It is parsed as it comes, and of a file only its bytes are kept: held
 * as text, parsed and decoded, one of 72 MiB would take several times as much.
 */
import { JSONParser } from "@streamparser/json";
import type { Request } from "express";
import { z } from "zod";
import { DEFAULT_LIMITS } from "../files/index.ts";
import { text } from "../input.ts";
import { badFields, Problem } from "../problem.ts";
import type { BodyBudget } from "./budget.ts";
import { type BodyReader, bodyReader, tooLarge, unsupported } from "./json.ts";
import { BrokenStringError, type LongString, LongStrings } from "./long-strings.ts";

/** Base64 included. */
export const LARGEST_SET_BYTES = 72 * 1024 * 1024;

/** How a file comes. */
const asSent = z.union([text(), z.strictObject({ base64: z.base64() })]);
/** A text, or any bytes as base64; the reader has made bytes of it. */
export const fileContent = z
  .custom<Buffer>(Buffer.isBuffer, "expected a text, or an object with base64")
  .meta({ override: z.toJSONSchema(asSent) as object });

const asStoodIn = z.union([z.string(), z.strictObject({ base64: z.string() })]);

/** A file as base64 makes nine; with so many more, there are more files than are accepted anyway. */
const MOST_TOKENS = 10 * DEFAULT_LIMITS.maxSetFiles + 100;

export function fileSetReader(budget: BodyBudget): BodyReader {
  return bodyReader(budget, LARGEST_SET_BYTES, parse);
}

async function parse(request: Request): Promise<unknown> {
  if (!/^(utf-?8)?$/i.test(/charset="?([^\s;"]*)/i.exec(request.get("content-type") ?? "")?.[1] ?? "")) {
    throw unsupported("expected charset=utf-8");
  }
  let body: unknown;
  let tokens = 0;
  let failure: unknown;
  const parser = new JSONParser({ paths: ["$", "$.files.*"] });
  // Whatever is thrown in here, the parser would take for broken JSON.
  const orFail = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      failure ??= error;
      throw error;
    }
  };
  parser.onToken = () =>
    orFail(() => {
      tokens += 1;
      if (tokens > MOST_TOKENS) throw tooMany();
    });
  parser.onValue = ({ value, key, parent, stack }) =>
    orFail(() => {
      if (stack.length === 0) body = value;
      else Object.assign(parent ?? {}, { [String(key)]: bytesOf(String(key), value, long) });
    });
  const long = new LongStrings((piece) => parser.write(piece));

  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LARGEST_SET_BYTES) throw tooLarge(LARGEST_SET_BYTES);
      long.push(chunk);
    }
    if (!parser.isEnded) parser.end();
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (error instanceof Problem || request.errored) throw error;
    throw badFields([{ field: "body", message: `not JSON: ${(error as Error).message}` }]);
  }
  return body;
}

/** @throws Problem 400 naming the file */
function bytesOf(path: string, value: unknown, long: LongStrings): Buffer {
  const field = `files.${path.slice(0, 200)}`;
  if (path === "__proto__") throw badFields([{ field: "files", message: '"__proto__" is not accepted as a name' }]);
  const stoodIn = asStoodIn.safeParse(value);
  if (stoodIn.success) {
    const standIn = typeof stoodIn.data === "string" ? stoodIn.data : stoodIn.data.base64;
    const string = long.of(standIn);
    long.drop(standIn);
    if (string !== undefined) return bytesOfLong(string, field, { isText: typeof stoodIn.data === "string" });
  }
  const content = asSent.safeParse(value);
  if (!content.success) {
    const at = ["files", path.slice(0, 200)];
    throw new z.ZodError(content.error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] })));
  }
  return typeof content.data === "string" ? Buffer.from(content.data) : Buffer.from(content.data.base64, "base64");
}

function bytesOfLong(string: LongString, field: string, { isText }: { isText: boolean }): Buffer {
  if (!isText) {
    const bytes = string.base64();
    if (bytes === undefined) throw badFields([{ field: `${field}.base64`, message: "Invalid base64-encoded string" }]);
    return bytes;
  }
  try {
    return string.text();
  } catch (error) {
    if (!(error instanceof BrokenStringError)) throw error;
    throw badFields([{ field, message: `not JSON: ${error.message}` }]);
  }
}

function tooMany(): Problem {
  const detail = `more than ${DEFAULT_LIMITS.maxSetFiles} files: at most as many are accepted at once`;
  return new Problem({ type: "too-many-files", status: 413, title: "Too many files", detail });
}
