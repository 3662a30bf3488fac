import { createKeySpace, Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { HintQueues } from "@restart-coordinator/service";
import type { Express } from "express";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { type AppParts, createApp } from "../src/app.ts";
import { SCOPES, Tokens } from "../src/authentication.ts";
import { Templates, WorkspaceFiles } from "../src/files/index.ts";
import { TOKENS, useApi } from "./support/api.ts";
import { send } from "./support/http.ts";
import { askedOf, EXEMPLIFIED, named, pathOf, ROUTES } from "./support/routes.ts";

const api = useApi();
const basic = (secret: string) => `Basic ${Buffer.from(secret).toString("base64")}`;

test.each(["/healthz", "/readyz"])("%s needs no token", async (path) => {
  expect(await api.ask("GET", path, { token: undefined })).toMatchObject({ status: 200 });
});

describe("without a token that is known", () => {
  test.each(named(ROUTES))("%s answers 401", async (_, route) => {
    const { status, json, headers } = await api.ask(route.method, pathOf(route, "ws"), {
      ...askedOf(route),
      token: undefined,
    });
    expect({ status, json }).toMatchObject({ status: 401, json: { status: 401, title: "Unauthorized" } });
    expect(json.detail).toBe("send a token: Authorization: Bearer …");
    expect(headers["www-authenticate"]).toBe(route.page ? 'Basic realm="restart-coordinator"' : "Bearer");
  });

  test("an unknown route answers 401, too: what there is is nobody's business", async () => {
    expect(await api.ask("GET", "/secrets", { token: undefined })).toMatchObject({ status: 401 });
  });

  test.each([
    ["empty", ""],
    ["no scheme", TOKENS.admin],
    ["Bearer without a token", "Bearer"],
    ["Bearer and a space", "Bearer "],
    ["two tokens", `Bearer ${TOKENS.read} ${TOKENS.admin}`],
    ["another scheme", `Token ${TOKENS.admin}`],
    ["Basic", basic(`admin:${TOKENS.admin}`)],
    ["the whole entry", `Bearer admin:admin:${TOKENS.admin}`],
    ["one character less", `Bearer ${TOKENS.admin.slice(0, -1)}`],
    ["one character more", `Bearer ${TOKENS.admin}x`],
    ["another case", `Bearer ${TOKENS.admin.toUpperCase()}`],
    ["very long", `Bearer ${"x".repeat(10_000)}`],
  ])("a header that is %s answers 401", async (_, authorization) => {
    const answer = await api.ask("GET", "/workspaces", { token: undefined, headers: { authorization } });
    expect(answer.status).toBe(401);
    for (const token of Object.values(TOKENS)) expect(answer.text).not.toContain(token);
  });

  test.each(named(ROUTES))("%s takes HTTP Basic only where a browser may come", async (_, route) => {
    const id = await api.workspace();
    const headers = { authorization: basic(`anyone:${TOKENS.admin}`) };
    const { status } = await api.ask(route.method, pathOf(route, id), { ...askedOf(route), token: undefined, headers });
    expect(status).toBe(route.page ? 200 : 401);
  });

  test("the scheme's case does not matter", async () => {
    const headers = { authorization: `bEaReR ${TOKENS.read}` };
    expect(await api.ask("GET", "/workspaces", { token: undefined, headers })).toMatchObject({ status: 200 });
  });

  test("the token may not come in the query", async () => {
    const path = `/workspaces?token=${TOKENS.read}&access_token=${TOKENS.read}`;
    expect(await api.ask("GET", path, { token: undefined })).toMatchObject({ status: 401 });
  });
});

describe("each scope may do what it and those below it may", () => {
  test.each(named(ROUTES))("%s", async (_, route) => {
    for (const scope of SCOPES) {
      const id = await api.workspace();
      const answer = await api.ask(route.method, pathOf(route, id), { ...askedOf(route), token: TOKENS[scope] });
      const isAllowed = SCOPES.indexOf(scope) >= SCOPES.indexOf(route.scope);
      expect(answer.status, scope).toBe(isAllowed ? route.example.status : 403);
      if (isAllowed) continue;
      const detail = `this needs the scope ${route.scope}; the token "${scope}" has ${scope}`;
      expect(answer.json, scope).toMatchObject({ status: 403, title: "Forbidden", detail });
    }
  });

  test("a spec, which says what a worker executes, needs admin, to be removed, too", async () => {
    const id = await api.workspace();
    for (const spec of [{ command: ["sh"] }, {}, null]) {
      const put = (token: string) => api.ask("PUT", `/workspaces/${id}`, { token, body: { spec } });
      expect((await put(TOKENS.operate)).json).toMatchObject({ status: 403, title: "Forbidden" });
      expect((await put(TOKENS.admin)).status).toBe(200);
    }
  });

  test("forgetting a workspace without stopping it needs admin", async () => {
    const id = await api.workspace();
    const remove = (token: string) => api.ask("DELETE", `/workspaces/${id}?force=true`, { token });
    expect((await remove(TOKENS.operate)).status).toBe(403);
    expect((await api.ask("GET", `/workspaces/${id}`)).status).toBe(200);
    expect((await remove(TOKENS.admin)).status).toBe(202);
  });

  test("the table above is of every route that is served", async () => {
    const keys = createKeySpace(api.config.RESTART_PREFIX, 1);
    const { redis } = api;
    const hints = new HintQueues(redis, keys);
    const parts = {
      coordinator: new RestartCoordinator(new Installation({ redis, prefix: api.config.RESTART_PREFIX })),
      files: await WorkspaceFiles.open({ directory: api.config.WORKSPACES_DIR }),
      templates: new Templates({}),
      redis,
      hints,
      tokens: Tokens.generate().tokens,
      logger: pino({ level: "silent" }),
    };
    // Whatever else there is, the list of routes does not need it.
    const app = createApp(parts as unknown as AppParts);
    const open = ["GET /healthz", "GET /readyz", "GET /session", "POST /session", "DELETE /session"];
    expect(routesOf(app).sort()).toEqual([...open, ...ROUTES.map((r) => `${r.method} ${r.path}`)].sort());
    const ids = ROUTES.map(({ id }) => id);
    expect(EXEMPLIFIED.filter((id) => !ids.includes(id))).toEqual([]);
    await hints.stop();
  });
});

test("no answer repeats a token", async () => {
  const id = await api.workspace();
  for (const route of ROUTES) {
    const answer = await api.ask(route.method, pathOf(route, id), askedOf(route));
    expect(answer.text + JSON.stringify(answer.headers)).not.toContain(TOKENS.admin);
  }
});

test("the name of the token is the actor in the records", async () => {
  const id = await api.workspace();
  await send(api.port, "POST", `/workspaces/${id}/triggers`, { token: TOKENS.trigger, body: { source: "file-write" } });
  expect((await api.state(id)).restart.why[0]?.actors).toEqual(["trigger"]);
});

interface Layer {
  /** It is not mounted below a path: the board's own routes are, behind the page's token and scope. */
  readonly slash: boolean;
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle: { readonly stack?: readonly Layer[] };
}

/** The routes of an Express app, those of its routers included. */
function routesOf(app: Express): string[] {
  const of = (layers: readonly Layer[]): string[] =>
    layers.flatMap(({ route, handle, slash }) => {
      if (route === undefined) return slash ? of(handle.stack ?? []) : [];
      return Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`);
    });
  return of((app.router as unknown as { stack: readonly Layer[] }).stack);
}
