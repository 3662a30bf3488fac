/** The body of a request that no parser reads. */
import type { IncomingMessage } from "node:http";
import { Problem } from "./problem.ts";

const SMALL_BYTES = 64 * 1024;

/**
 * What is stored is what was sent: an encoding that nobody undoes would become the file.
 * @throws Problem 415
 */
export function assertPlain({ headers }: IncomingMessage): void {
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return;
  throw new Problem(
    {
      type: "encoded",
      status: 415,
      title: "Unsupported content encoding",
      detail: `Content-Encoding ${JSON.stringify(encoding)} is not undone here: send the file's own bytes`,
    },
    { "Accept-Encoding": "identity" },
  );
}

/**
 * A small body, whole; else the request itself, to be read as it comes. Whoever has it whole need not hold anything open
 * while it is on its way.
 */
export async function bodyOf(request: IncomingMessage): Promise<Buffer | IncomingMessage> {
  const length = Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY);
  if (length > SMALL_BYTES || request.readableDidRead) return request;
  const pieces: Buffer[] = [];
  for await (const piece of request.iterator({ destroyOnReturn: false })) pieces.push(piece);
  return Buffer.concat(pieces);
}
