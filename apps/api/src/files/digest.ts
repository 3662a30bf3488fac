/** The SHA-256 of a content, as base64url: equal contents are told by it, whichever file they are in. */
import { createHash, type Hash } from "node:crypto";

/** Starts one for what comes in pieces. */
export function newDigest(): Hash {
  return createHash("sha256");
}

/** Of all that the hash was given. It takes nothing more then. */
export function digestIn(hash: Hash): string {
  return hash.digest("base64url");
}

export function digestOf(content: Buffer): string {
  return digestIn(newDigest().update(content));
}
