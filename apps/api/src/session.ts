/**
 * A session is what a browser has instead of a token: a cookie that says until when, signed with the token it was made for.
 * Every replica that knows the token accepts it, nothing is kept anywhere, and a token that is taken away takes its sessions
 * along.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Request, Response } from "express";
import { type Caller, digestOf, type Tokens } from "./authentication.ts";

export interface Session {
  readonly caller: Caller;
  /** ms since the epoch, by the replica's clock. */
  readonly expiresAt: number;
}

const COOKIE = "rc_session";
const LASTS_MS = 12 * 3_600_000;

/** Begins a session in the browser that asks. The token must be known. */
export function beginSession(request: Request, response: Response, secret: string): number {
  const expiresAt = Date.now() + LASTS_MS;
  const mac = macOf(digestOf(secret), expiresAt).toString("base64url");
  response.cookie(COOKIE, `${expiresAt}.${mac}`, { ...attributesFor(request), maxAge: LASTS_MS });
  return expiresAt;
}

/** Takes the cookie out of the browser that asks. */
export function endSession(request: Request, response: Response): void {
  response.clearCookie(COOKIE, attributesFor(request));
}

/** Finds the session that a request comes with; "ended" for one that is over, or whose token is not known here. */
export function sessionOf(request: Request, tokens: Tokens): Session | "ended" | undefined {
  const [, value] = /(?:^|;\s*)rc_session=([^;\s]+)/.exec(request.get("cookie") ?? "") ?? [];
  if (value === undefined) return undefined;
  const [, until = "", given = ""] = /^(\d{1,15})\.([\w-]{43})$/.exec(value) ?? [];
  const expiresAt = Number(until);
  const signature = Buffer.from(given, "base64url");
  if (given === "" || expiresAt <= Date.now()) return "ended";
  const caller = tokens.findBy((digest) => timingSafeEqual(macOf(digest, expiresAt), signature));
  return caller === undefined ? "ended" : { caller, expiresAt };
}

/** The key is the token's digest, which no answer tells. */
function macOf(digest: Buffer, expiresAt: number): Buffer {
  return createHmac("sha256", digest).update(`restart-coordinator session until ${expiresAt}`).digest();
}

/** Encrypted connections only, where the browser's is one: what stands in front of this process says so. */
function attributesFor(request: Request) {
  const scheme = request.get("x-forwarded-proto")?.split(",")[0]?.trim() ?? request.protocol;
  return { httpOnly: true, sameSite: "strict", path: "/", secure: scheme === "https" } as const;
}
