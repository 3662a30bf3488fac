import { hash } from "node:crypto";
import type { Request } from "express";
import { idempotencyHeaders } from "./input.ts";

/** The key counts per caller; the body is compared by its hash. @throws ZodError */
export function idempotencyOf(request: Request, caller: string): { key: string; body: string } | undefined {
  const given = request.get("idempotency-key");
  if (given === undefined) return undefined;
  const { "Idempotency-Key": key } = idempotencyHeaders.parse({ "Idempotency-Key": given });
  return { key: digest(`${caller}\n${key}`), body: bodyDigestOf(request) };
}

export function bodyDigestOf(request: Request): string {
  return digest(`${request.path}\n${JSON.stringify(request.body ?? {})}`);
}

function digest(text: string): string {
  return hash("sha256", text, "base64url");
}
