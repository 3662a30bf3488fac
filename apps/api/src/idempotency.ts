import { hash } from "node:crypto";
import type { Request } from "express";
import type { idempotencyHeaders } from "./input.ts";
import type { Input } from "./route.ts";

type WithKey = Input<unknown, unknown, typeof idempotencyHeaders>;

/** The key counts per caller; the body is compared by its hash. */
export function idempotencyOf({ headers, caller, request }: WithKey): { key: string; body: string } | undefined {
  const key = headers["Idempotency-Key"];
  return key === undefined ? undefined : { key: digest(`${caller.name}\n${key}`), body: bodyDigestOf(request) };
}

export function bodyDigestOf(request: Request): string {
  return digest(`${request.path}\n${JSON.stringify(request.body ?? {})}`);
}

function digest(text: string): string {
  return hash("sha256", text, "base64url");
}
