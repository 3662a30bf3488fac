import { describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";
import { askedOf, named, pathOf, ROUTES, WORKSPACE_ROUTES } from "./support/routes.ts";

const api = useApi();
const JSON_ROUTES = ROUTES.filter(({ method, path }) => method !== "GET" && !path.endsWith("*path"));
const json = { "content-type": "application/json" };

describe("every error is application/problem+json with type, title, status and detail", () => {
  test.each([
    ["400 by the route", "GET", "/workspaces?limit=0", {}],
    ["400 by the URL", "GET", "/workspaces/%E0%A4%A", {}],
    ["401", "GET", "/workspaces", { token: "unknown" }],
    ["404 of a route", "GET", "/nowhere", {}],
    ["404 of a workspace", "GET", "/workspaces/nobody", {}],
    ["415", "PUT", "/workspaces/x", { body: "text", headers: { "content-type": "text/plain" } }],
  ])("%s", async (name, method, path, asked) => {
    const answer = await api.ask(method, path, asked);
    expect(answer.status).toBe(Number.parseInt(name, 10));
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    const { type, title, status, detail } = answer.json;
    expect(status).toBe(answer.status);
    for (const text of [type, title, detail]) expect(text).toMatch(/\S/);
  });
});

describe("an unknown route", () => {
  test.each([
    ["GET", "/nothing-here"],
    ["GET", "/workspace"],
    ["GET", "/workspaces/x/nothing"],
    ["PATCH", "/workspaces/x"],
    ["POST", "/workspaces"],
    ["DELETE", "/workspaces"],
    ["GET", "/workspaces/x/pause"],
    ["PUT", "/workspaces/x/triggers"],
    ["POST", "/workspaces/x/files/a.txt"],
    ["GET", "/favicon.ico"],
  ])("%s %s answers 404 and is named", async (method, path) => {
    const { status, json } = await api.ask(method, path);
    expect({ status, detail: json.detail }).toEqual({ status: 404, detail: `no route ${method} ${path}` });
  });
});

describe("an unknown workspace", () => {
  test.each(named(WORKSPACE_ROUTES.filter((route) => !route.example.unregistered)))(
    "%s answers 404",
    async (_, route) => {
      const { status, json } = await api.ask(route.method, pathOf(route, "nobody"), askedOf(route));
      expect({ status, json }).toMatchObject({ status: 404, json: { type: "unknown-workspace" } });
      expect(json.detail).toBe("workspace nobody is not registered: PUT /workspaces/nobody first");
    },
  );

  test("leaves no trace", async () => {
    for (const route of WORKSPACE_ROUTES.filter((each) => !each.example.unregistered)) {
      await api.ask(route.method, pathOf(route, "never-there"), askedOf(route));
    }
    expect(await api.keys("*never-there*")).toEqual([]);
  });
});

describe("a body that is not JSON", () => {
  test.each(named(JSON_ROUTES))("%s answers 415 to another content type", async (_, route) => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"]) {
      const { status, json } = await api.ask(route.method, pathOf(route, "x"), {
        body: "{}",
        headers: { "content-type": type },
      });
      expect({ status, json }).toMatchObject({ status: 415, json: { title: "Unsupported media type" } });
    }
    expect((await api.ask(route.method, pathOf(route, "x"), { body: "{}" })).status).toBe(415);
  });

  test.each(named(JSON_ROUTES))("%s answers 400 to malformed JSON, and says that it is the body", async (_, route) => {
    for (const body of ['{"a":', "{'a': 1}", "nothing", "\u0000", '"text"', "1", "null"]) {
      const { status, json: problem } = await api.ask(route.method, pathOf(route, "x"), { body, headers: json });
      expect({ body, status, problem }).toMatchObject({ status: 400, problem: { type: "invalid-input" } });
      expect(problem.fields?.[0]?.field).toBe("body");
    }
  });

  test("an encoding or charset nobody can read answers 415", async () => {
    const ask = (headers: Record<string, string>) => api.ask("PUT", "/workspaces/x", { body: "{}", headers });
    expect((await ask({ ...json, "content-encoding": "zip" })).status).toBe(415);
    expect((await ask({ "content-type": "application/json; charset=klingon" })).status).toBe(415);
  });

  test("the charset of JSON may be named", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await api.ask("PUT", "/workspaces/named", { body: '{"name":"ü"}', headers })).status).toBe(201);
    expect((await api.state("named")).name).toBe("ü");
  });
});

describe("the case of a path does not matter", () => {
  test("to a file's content, which stays as it is", async () => {
    const id = await api.workspace();
    for (const type of ["application/octet-stream", "application/json", "text/plain"]) {
      const { status } = await api.ask("PUT", `/Workspaces/${id}/FILES/a`, {
        body: "{not json",
        headers: { "content-type": type },
      });
      expect(status).toBe(200);
    }
    expect((await api.ask("GET", `/WORKSPACES/${id}/files/a`)).text).toBe("{not json");
  });
});
