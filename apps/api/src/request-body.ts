/** Reads a JSON body, bounded; the body of a file is its route's to read. */
import express, { type RequestHandler } from "express";
import { Problem } from "./problem.ts";

/** Whole sets of files come as JSON, base64 included; everything else is small. */
const LARGEST_SET = 72 * 1024 * 1024;
const LARGEST_BODY = 256 * 1024;

// As the router reads paths: whatever their case.
const isSet = /^\/workspaces\/[^/]+\/(files|template)\/?$/i;
const isFile = /^\/workspaces\/[^/]+\/files\/./i;

/** What comes here is JSON: the parser need not look again. */
const parserUpTo = (limit: number) => ({ limit, parse: express.json({ limit, type: () => true }) });

export function requestBody(): RequestHandler {
  const set = parserUpTo(LARGEST_SET);
  const small = parserUpTo(LARGEST_BODY);

  return (request, response, next) => {
    const length = request.headers["content-length"];
    const hasBody = length !== undefined || request.headers["transfer-encoding"] !== undefined;
    if (!hasBody || isFile.test(request.path)) return next();
    if (!request.is("json")) {
      if (length === "0") return next();
      throw new Problem({
        status: 415,
        title: "Unsupported media type",
        detail: "expected Content-Type: application/json",
      });
    }
    const { limit, parse } = isSet.test(request.path) ? set : small;
    // The parser would read it all before it says so.
    if (Number(length) > limit) {
      throw new Problem({ status: 413, title: "Too large", detail: `the body has more than ${limit} bytes` });
    }
    return parse(request, response, next);
  };
}
