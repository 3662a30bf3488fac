/** The body of a request that no parser reads. */
import type { IncomingMessage } from "node:http";

const SMALL_BYTES = 64 * 1024;

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
