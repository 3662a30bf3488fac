/** Who asks, and what they may. Every route but health asks for a token; its name is the actor in every record. */
import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { ConfigurationError } from "@restart-coordinator/service";
import type { Request, RequestHandler } from "express";
import { Problem } from "./problem.ts";
import { sessionOf } from "./session.ts";

/** Each scope includes the ones before it. */
export const SCOPES = ["read", "trigger", "operate", "admin"] as const;
export type Scope = (typeof SCOPES)[number];
/** Each may do one thing alone, and is included by none: a route says which it lets in. */
export const LIMITED_SCOPES = ["alerts"] as const;
export type LimitedScope = (typeof LIMITED_SCOPES)[number];

export const ALL_SCOPES = [...SCOPES, ...LIMITED_SCOPES] as const;

export interface Caller {
  readonly name: string;
  readonly scope: Scope | LimitedScope;
}

interface Token extends Caller {
  readonly digest: Buffer;
}

const SHORTEST_TOKEN = 16;

export class Tokens {
  readonly #tokens: readonly Token[];

  private constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /**
   * Reads comma-separated `name:scope:token`.
   * @throws ConfigurationError; its message repeats nothing of an entry: whoever mixed up the parts has put the token
   *   anywhere
   */
  static parse(text: string): Tokens {
    const problems: string[] = [];
    const tokens: Token[] = [];
    for (const [index, entry] of text.split(",").entries()) {
      const [, name = "", scope = "", secret = ""] = /^\s*([^:]*):([^:]*):(.*?)\s*$/.exec(entry) ?? [];
      const problem = problemOf(name, scope, secret);
      const digest = digestOf(secret);
      const isTaken = tokens.some((other) => other.digest.equals(digest));
      if (problem !== undefined) problems.push(`API_TOKENS, entry ${index + 1}: ${problem}`);
      else if (isTaken) problems.push(`API_TOKENS, entry ${index + 1}: another entry has the same token`);
      else tokens.push({ name, scope: scope as Caller["scope"], digest });
    }
    if (problems.length > 0) throw new ConfigurationError(problems);
    return new Tokens(tokens);
  }

  /** One token with every right, made up now: for a person at this machine. */
  static generate(): { tokens: Tokens; secret: string } {
    const secret = randomBytes(24).toString("base64url");
    return { tokens: new Tokens([{ name: "local", scope: "admin", digest: digestOf(secret) }]), secret };
  }

  /** Compares in constant time with every token, so that an answer's time tells nothing of any. */
  find(secret: string): Caller | undefined {
    const digest = digestOf(secret);
    return this.findBy((known) => timingSafeEqual(known, digest));
  }

  /** Asks of every token whether it is the one, by its digest. */
  findBy(isIt: (digest: Buffer) => boolean): Caller | undefined {
    let found: Caller | undefined;
    for (const token of this.#tokens) {
      if (isIt(token.digest)) found = token;
    }
    return found;
  }
}

function problemOf(name: string, scope: string, secret: string): string | undefined {
  if (name === "" || scope === "" || secret === "") return "expected name:scope:token";
  if (!(ALL_SCOPES as readonly string[]).includes(scope)) {
    return `expected one of the scopes ${ALL_SCOPES.join(", ")} after the name`;
  }
  if (!/^[\w.@-]{1,64}$/.test(name)) return "expected a name of 1 to 64 letters, digits or . _ @ -";
  if (secret.length < SHORTEST_TOKEN) return `the token has fewer than ${SHORTEST_TOKEN} characters`;
  if (!/^[\x21-\x7e]+$/.test(secret)) return "the token has characters no header can carry, such as a space";
  return undefined;
}

declare global {
  namespace Express {
    interface Locals {
      caller: Caller;
    }
  }
}

/**
 * Takes a token, or the session of a browser that has signed in. `page`: also the token as HTTP Basic password. Of what a
 * browser sends by itself, an unsafe request must come from a page of this server.
 */
export function authenticate(tokens: Tokens, kind: "api" | "page" = "api"): RequestHandler {
  return (request, response, next) => {
    const secret = secretOf(request, kind);
    const session = secret === undefined ? sessionOf(request, tokens) : undefined;
    const inSession = typeof session === "object" ? session.caller : undefined;
    const caller = secret === undefined ? inSession : tokens.find(secret);
    if (caller === undefined) {
      const sendOne =
        session === "ended" ? "the session has ended: sign in again" : "send a token: Authorization: Bearer …";
      const detail = secret === undefined ? sendOne : "the token is not known";
      const challenge = { "WWW-Authenticate": challengeFor(request, kind) };
      throw new Problem({ status: 401, title: "Unauthorized", detail }, challenge);
    }
    if (inSession !== undefined) assertSameOrigin(request, "needed");
    else if (kind === "page") assertSameOrigin(request);
    response.locals.caller = caller;
    next();
  };
}

/** A browser asks its user for a password where it is told Basic: for a page, not for what a page's script asks. */
function challengeFor(request: Request, kind: "api" | "page"): string {
  const isByScript = !["navigate", undefined].includes(request.get("sec-fetch-mode"));
  return kind === "page" && !isByScript ? 'Basic realm="restart-coordinator"' : "Bearer";
}

export function allow(scope: Scope): RequestHandler {
  return (_request, response, next) => {
    assertMay(response.locals.caller, scope);
    next();
  };
}

export function may(caller: Caller, scope: Scope): boolean {
  return (SCOPES as readonly string[]).indexOf(caller.scope) >= SCOPES.indexOf(scope);
}

export function assertMay(caller: Caller, scope: Scope): void {
  if (may(caller, scope)) return;
  const detail = `this needs the scope ${scope}; the token "${caller.name}" has ${caller.scope}`;
  throw new Problem({ status: 403, title: "Forbidden", detail });
}

function secretOf(request: Request, kind: "api" | "page"): string | undefined {
  const header = request.get("authorization") ?? "";
  const [, scheme = "", credentials = ""] = /^(\w+)\s+(\S+)$/.exec(header) ?? [];
  if (scheme.toLowerCase() === "bearer") return credentials;
  if (kind === "page" && scheme.toLowerCase() === "basic") {
    return Buffer.from(credentials, "base64").toString("utf8").split(":").slice(1).join(":");
  }
  return undefined;
}

function isUnsafe(method: string): boolean {
  return !["GET", "HEAD", "OPTIONS"].includes(method);
}

/** Of a request that changes something: whether a page of this server sent it. @throws Problem 403 */
export function assertSameOrigin(request: Request, origin: "needed" | "optional" = "optional"): void {
  if (!isUnsafe(request.method) || isSameOrigin(request, origin)) return;
  throw new Problem({ status: 403, title: "Forbidden", detail: "the Origin header is not this server's" });
}

/** A browser sends Origin with every unsafe request; a program that sends none carries no ambient credentials. */
function isSameOrigin(request: Request, needed: "needed" | "optional"): boolean {
  const origin = request.get("origin");
  if (origin === undefined) return needed === "optional" && request.get("sec-fetch-site") === undefined;
  try {
    return new URL(origin).host === request.get("host");
  } catch {
    return false;
  }
}

export function digestOf(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
