import { hash } from "node:crypto";
import type { Request } from "express";
import type { z } from "zod";
import type { Caller } from "./authentication.ts";
import type { idempotencyHeaders } from "./input.ts";

interface Keyed {
  readonly headers: z.output<typeof idempotencyHeaders>;
  readonly caller: Caller;
  readonly request: Request;
}

/** The key counts per caller; the body is compared by its hash. */
export function idempotencyOf({ headers, caller, request }: Keyed): { key: string; body: string } | undefined {
  const key = headers["Idempotency-Key"];
  return key === undefined ? undefined : { key: digest(`${caller.name}\n${key}`), body: bodyDigestOf(request) };
}

export function bodyDigestOf(request: Request): string {
  return digest(`${request.path}\n${JSON.stringify(request.body ?? {})}`);
}

function digest(text: string): string {
  return hash("sha256", text, "base64url");
}
