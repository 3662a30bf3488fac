/** Reads a JSON body, bounded. */
import { promisify } from "node:util";
import express, { type Request, type Response } from "express";
import { Problem } from "./problem.ts";

const USUAL_LIMIT = 256 * 1024;

/** Reads the body of a request: undefined when there is none. @throws Problem 413, 415; what Express' parser throws */
export function jsonReader(limit = USUAL_LIMIT): (request: Request, response: Response) => Promise<unknown> {
  // What comes here is JSON: the parser need not look again.
  const parse = promisify(express.json({ limit, type: () => true }));

  return async (request, response) => {
    const length = request.headers["content-length"];
    if (length === undefined && request.headers["transfer-encoding"] === undefined) return undefined;
    if (!request.is("json")) {
      if (length === "0") return undefined;
      throw new Problem({
        status: 415,
        title: "Unsupported media type",
        detail: "expected Content-Type: application/json",
      });
    }
    // The parser would read it all before it says so.
    if (Number(length) > limit) {
      throw new Problem({ status: 413, title: "Too large", detail: `the body has more than ${limit} bytes` });
    }
    await parse(request, response);
    return request.body;
  };
}
