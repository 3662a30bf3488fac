/** Signing in from a browser: a token once, then a cookie that only this server reads. */
import { z } from "zod";
import { time } from "../answers.ts";
import { ALL_SCOPES, assertSameOrigin } from "../authentication.ts";
import { Problem } from "../problem.ts";
import { type Route, reply, route } from "../route.ts";
import { beginSession, endSession, sessionOf } from "../session.ts";

const who = z.object({
  name: z.string().describe("The token's, which is the actor in every record"),
  scope: z.enum(ALL_SCOPES),
  expiresAt: time.describe("The session's end"),
});

const session = { tag: "Service", path: "/session" } as const;

const signIn = route({
  ...session,
  id: "signIn",
  summary: "Exchange a token for a session cookie",
  description:
    "The cookie is HttpOnly, SameSite=Strict and good for 12 hours, at every replica that knows the token. With it, every " +
    "request but GET and HEAD must come from a page of this server (Origin).",
  method: "POST",
  scope: undefined,
  body: z.strictObject({ token: z.string().min(1).max(1_000) }),
  answers: { 201: { description: "Signed in", content: who } },
  problems: { 401: "The token is not known", 403: "It comes from another site's page" },
  async handle({ tokens }, { body: { token }, request, response }) {
    assertSameOrigin(request);
    const caller = tokens.find(token);
    if (caller === undefined) {
      throw new Problem({ status: 401, title: "Unauthorized", detail: "the token is not known" });
    }
    const expiresAt = new Date(beginSession(request, response, token)).toISOString();
    return reply(201, { name: caller.name, scope: caller.scope, expiresAt }, { "Cache-Control": "no-store" });
  },
});

const getSession = route({
  ...session,
  id: "getSession",
  summary: "Who is signed in with the browser's cookie, and what they may",
  method: "GET",
  scope: undefined,
  answers: {
    200: { description: "`session` is null where nobody is signed in", content: z.object({ session: who.nullable() }) },
  },
  async handle({ tokens }, { request }) {
    const found = sessionOf(request, tokens);
    const headers = { "Cache-Control": "no-store" };
    if (typeof found !== "object") return reply(200, { session: null }, headers);
    const { name, scope } = found.caller;
    return reply(200, { session: { name, scope, expiresAt: new Date(found.expiresAt).toISOString() } }, headers);
  },
});

const signOut = route({
  ...session,
  id: "signOut",
  summary: "Take the session cookie out of the browser",
  method: "DELETE",
  scope: undefined,
  answers: { 200: { description: "Signed out, or was not in", content: z.object({ signedOut: z.literal(true) }) } },
  problems: { 403: "It comes from another site's page" },
  async handle(_context, { request, response }) {
    assertSameOrigin(request);
    endSession(request, response);
    return reply(200, { signedOut: true });
  },
});

export const sessionRoutes: readonly Route[] = [getSession, signIn, signOut];
