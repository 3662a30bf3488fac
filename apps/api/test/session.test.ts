/** Signing in from a browser: what the cookie is good for, and what it is not. */
import { describe, expect, test, vi } from "vitest";
import { TOKENS, useApi } from "./support/api.ts";
import { send } from "./support/http.ts";

const api = useApi();
const other = useApi({ beside: () => api });
const without = useApi({ settings: { API_TOKENS: `someone:admin:${"x".repeat(16)}` }, beside: () => api });

interface Who {
  readonly name: string;
  readonly scope: string;
  readonly expiresAt: string;
}
interface Signed {
  readonly session: Who | null;
}

const origin = (port = api.port) => ({ origin: `http://127.0.0.1:${port}` });
const signIn = (token: string, headers: Record<string, string> = origin()) =>
  api.ask<Who>("POST", "/session", { token: undefined, headers, body: { token } });

async function cookieOf(token: string): Promise<string> {
  const { headers } = await signIn(token);
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

/** As a browser that has the cookie. */
const as = (cookie: string, more: Record<string, string> = {}) => ({ token: undefined, headers: { cookie, ...more } });

describe("signing in", () => {
  test("exchanges a token for a cookie that no script reads and no other site sends", async () => {
    const { status, json, headers, text } = await signIn(TOKENS.operate);
    expect({ status, json }).toMatchObject({ status: 201, json: { name: "operate", scope: "operate" } });
    const [cookie = ""] = headers["set-cookie"] ?? [];
    expect(cookie).toMatch(
      /^rc_session=\d+\.[\w-]{43}; Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
    );
    expect(text + cookie).not.toContain(TOKENS.operate);
    expect(Date.parse(json.expiresAt)).toBeGreaterThan(Date.now());
  });

  test("over an encrypted connection the cookie is sent over no other", async () => {
    const { headers } = await signIn(TOKENS.read, { ...origin(), "x-forwarded-proto": "https" });
    expect(headers["set-cookie"]?.[0]).toMatch(/; Secure/);
  });

  test.each([
    ["unknown", "no-such-token-0123456789", 401],
    ["empty", "", 400],
  ])("with a token that is %s gives no cookie", async (_, token, status) => {
    const answer = await signIn(token);
    expect(answer.status).toBe(status);
    expect(answer.headers["set-cookie"]).toBeUndefined();
  });

  test("from another site's page gives none", async () => {
    expect((await signIn(TOKENS.read, { origin: "https://evil.example" })).status).toBe(403);
  });
});

describe("the cookie", () => {
  test("is good for what its token may, at every replica that knows the token", async () => {
    const cookie = await cookieOf(TOKENS.read);
    for (const { port } of [api, other]) {
      const { status, json } = await send<Signed>(port, "GET", "/session", as(cookie));
      expect({ status, json }).toMatchObject({ status: 200, json: { session: { name: "read", scope: "read" } } });
      expect((await send(port, "GET", "/workspaces", as(cookie))).status).toBe(200);
      expect((await send(port, "GET", "/admin/queues", as(cookie))).status).toBe(403);
    }
    expect((await send(without.port, "GET", "/workspaces", as(cookie))).status).toBe(401);
  });

  test("opens a stream of events and Bull Board", async () => {
    const cookie = await cookieOf(TOKENS.operate);
    expect((await api.ask("GET", "/events", { ...as(cookie), headersOnly: true })).status).toBe(200);
    expect((await api.ask("GET", "/admin/queues", as(cookie))).status).toBe(200);
  });

  test.each([
    ["another site's", { origin: "https://evil.example" }],
    ["another port's", { origin: "http://127.0.0.1:1" }],
    ["no", {}],
    ["a sandboxed", { origin: "null" }],
  ])("changes nothing with %s Origin", async (_, headers) => {
    const id = await api.workspace();
    const cookie = await cookieOf(TOKENS.admin);
    expect((await api.ask("POST", `/workspaces/${id}/restart`, as(cookie, headers))).status).toBe(403);
    expect((await api.state(id)).restart.phase).toBe("idle");
    expect((await api.ask("POST", `/workspaces/${id}/restart`, as(cookie, origin()))).status).toBe(202);
    expect((await api.state(id)).restart.why[0]?.actors).toEqual(["admin"]);
  });

  test.each([
    ["a later end", (cookie: string) => cookie.replace(/=(\d+)/, (_, end) => `=${Number(end) + 1}`)],
    ["another signature", (cookie: string) => cookie.replace(/\.[\w-]{3}/, ".AAA")],
    ["none", (cookie: string) => cookie.replace(/\..*/, "")],
  ])("with %s is refused", async (_, forge) => {
    const forged = forge(await cookieOf(TOKENS.read));
    expect((await api.ask<Signed>("GET", "/session", as(forged))).json).toEqual({ session: null });
    const { status, json } = await api.ask("GET", "/workspaces", as(forged));
    expect({ status, json }).toMatchObject({ status: 401, json: { detail: "the session has ended: sign in again" } });
  });

  test("is good until its end", async () => {
    const cookie = await cookieOf(TOKENS.read);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 12 * 3_600_000 });
    const { status } = await api.ask("GET", "/workspaces", as(cookie)).finally(() => vi.useRealTimers());
    expect(status).toBe(401);
  });

  test("a token that comes beside it counts alone", async () => {
    const cookie = await cookieOf(TOKENS.admin);
    const asked = { token: TOKENS.read, headers: { cookie, ...origin() } };
    const id = await api.workspace();
    expect((await api.ask("POST", `/workspaces/${id}/restart`, asked)).status).toBe(403);
  });
});

test("signing out takes the cookie away", async () => {
  const { status, headers } = await api.ask("DELETE", "/session", { token: undefined, headers: origin() });
  expect(status).toBe(200);
  expect(headers["set-cookie"]?.[0]).toMatch(/^rc_session=; Path=\/; Expires=Thu, 01 Jan 1970/);
  const elsewhere = { token: undefined, headers: { origin: "https://evil.example" } };
  expect((await api.ask("DELETE", "/session", elsewhere)).status).toBe(403);
});

test("a script that is not signed in makes the browser ask nobody for a password; a page does", async () => {
  const challenge = async (mode: string) =>
    (await api.ask("GET", "/events", { token: undefined, headers: { "sec-fetch-mode": mode } })).headers[
      "www-authenticate"
    ];
  expect(await challenge("cors")).toBe("Bearer");
  expect(await challenge("navigate")).toMatch(/^Basic/);
});
