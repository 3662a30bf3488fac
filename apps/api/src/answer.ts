import type { Response } from "express";

/**
 * Answers a change with JSON. Express' own `json` would make an ETag, too, which only an answer that may be cached has a
 * use for, and look three times at a type that is known.
 */
export function answer(response: Response, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(text);
}
