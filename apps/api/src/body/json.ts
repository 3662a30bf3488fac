/** Reads a JSON body: bounded in its bytes, in how deep it is nested, in how slowly it may come, and never inflated. */
import { promisify } from "node:util";
import express, { type Request, type Response } from "express";
import { badFields, Problem } from "../problem.ts";
import type { BodyBudget } from "./budget.ts";
import { keepingPace, PACE } from "./pace.ts";

const USUAL_LIMIT = 256 * 1024;
/** What a spec or a policy needs is a handful; beyond, whatever walks through it recursively is at risk. */
const MOST_LEVELS = 32;

/** A body, and what says that it is held no longer. */
export interface HeldBody {
  readonly body: unknown;
  release(): void;
}

export type BodyReader = (request: Request, response: Response) => Promise<HeldBody>;

const NO_BODY: HeldBody = { body: undefined, release: () => {} };

/**
 * Reads the body of a request: undefined when there is none. `parse` reads it once there is room for it.
 * @throws Problem 408, 413, 415, 503; what Express' parser throws
 */
export function bodyReader(
  budget: BodyBudget,
  limit: number,
  parse: (request: Request, response: Response) => Promise<unknown>,
): BodyReader {
  return async (request, response) => {
    const length = request.headers["content-length"];
    if (length === undefined && request.headers["transfer-encoding"] === undefined) return NO_BODY;
    if (!request.is("json")) {
      if (length === "0") return NO_BODY;
      throw unsupported("expected Content-Type: application/json");
    }
    const encoding = request.get("content-encoding") ?? "identity";
    if (encoding.toLowerCase() !== "identity") {
      throw unsupported("expected a body as it is: Content-Encoding is not undone here");
    }
    // The parser would read it all before it says so.
    if (Number(length) > limit) throw tooLarge(limit);
    const release = await budget.enter(callerOf(response), Number(length ?? limit), response);
    try {
      return { body: await keepingPace(request, PACE, parse(request, response)), release };
    } catch (error) {
      release();
      throw error;
    }
  };
}

/** The reader of what is usual. */
export function jsonReader(budget: BodyBudget): BodyReader {
  // What comes here is JSON, and is as it is: the parser need not look again.
  const parse = promisify(express.json({ limit: USUAL_LIMIT, type: () => true, inflate: false }));
  return bodyReader(budget, USUAL_LIMIT, async (request, response) => {
    await parse(request, response);
    const deep = tooDeep(request.body, MOST_LEVELS);
    if (deep === undefined) return request.body;
    const message = `expected at most ${MOST_LEVELS} levels of arrays and objects, one within another`;
    throw badFields([{ field: deep.slice(0, 3).join("."), message }]);
  });
}

/** The way to what is nested too deep; it goes no deeper itself. */
function tooDeep(value: unknown, levels: number): string[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (levels === 0) return [];
  for (const [name, inner] of Object.entries(value)) {
    const way = tooDeep(inner, levels - 1);
    if (way !== undefined) return [name, ...way];
  }
  return undefined;
}

export function tooLarge(limit: number): Problem {
  return new Problem({ status: 413, title: "Too large", detail: `the body has more than ${limit} bytes` });
}

export function unsupported(detail: string): Problem {
  return new Problem({ status: 415, title: "Unsupported media type", detail });
}

/** Where no token is asked for, all count as one. */
function callerOf(response: Response): string {
  const { caller } = response.locals as Partial<Response["locals"]>;
  return caller?.name ?? "";
}
