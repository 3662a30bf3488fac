import { hash } from "node:crypto";
import type { Request } from "express";
import type { idempotencyHeaders } from "./input.ts";
import type { Input } from "./route.ts";

type WithKey = Input<unknown, unknown, typeof idempotencyHeaders>;

/** The key counts per caller; the body is compared by its hash. */
export function idempotencyOf({ headers, caller, request }: WithKey) {
  const key = headers["Idempotency-Key"];
  if (key === undefined) return undefined;
  // The name's first characters only tell callers apart whose receipts are counted; the key itself is of the whole name.
  const counted = digest(caller.name).slice(0, 12);
  return { key: digest(`${caller.name}\n${key}`), body: bodyDigestOf(request), caller: counted };
}

export function bodyDigestOf(request: Request): string {
  return digest(`${request.path}\n${JSON.stringify(request.body ?? {})}`);
}

function digest(text: string): string {
  return hash("sha256", text, "base64url");
}
