import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormatsModule from "ajv-formats";
import { beforeAll, describe, expect, test } from "vitest";
import { templateOf } from "../src/openapi/document.ts";
import { useApi } from "./support/api.ts";
import type { Asked } from "./support/http.ts";
import { askedOf, named, pathOf, ROUTES } from "./support/routes.ts";

const api = useApi();

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly unknown[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly responses: Readonly<Record<string, { content: Record<string, { schema: Record<string, unknown> }> }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: Readonly<Record<"schemas", Readonly<Record<string, Record<string, unknown>>>>>;
}

let document: Document;
beforeAll(async () => {
  document = (await api.ask<Document>("GET", "/openapi.json")).json;
});

describe("the document", () => {
  test("is valid OpenAPI 3.1", async () => {
    expect(await new Validator().validate({ ...structuredClone(document) })).toEqual({ valid: true });
  });

  test("describes every route that is served, with its scope, and no other", () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]) => {
        const [scopes] = security.map((each) => each.bearer?.[0]);
        const takesBasic = security.some((each) => each.basic !== undefined);
        return [method.toUpperCase(), path, scopes ?? "none", takesBasic ? "page" : ""].join(" ");
      }),
    );
    // A test beside this one holds ROUTES against what the app serves.
    const served = ROUTES.map((route) =>
      [route.method, templateOf(route), route.scope, route.page ? "page" : ""].join(" "),
    );
    const open = ["GET /healthz", "GET /readyz", "GET /session", "POST /session", "DELETE /session"].map(
      (each) => `${each} none `,
    );
    expect(described.sort()).toEqual([...served, ...open].sort());
  });

  test("gives every operation a name of its own", () => {
    const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((each) => each.operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("says what a route validates with", () => {
    const hold = document.paths["/workspaces/{id}/hold"]?.post as unknown as {
      requestBody: { required: boolean; content: { "application/json": { schema: unknown } } };
    };
    expect(hold.requestBody).toMatchObject({
      required: false,
      content: {
        "application/json": {
          schema: { properties: { holdMs: { minimum: 1_000, maximum: 604_800_000, default: 3_600_000 } } },
        },
      },
    });
    const files = document.paths["/workspaces/{id}/files"]?.put as unknown as typeof hold;
    const { schema } = files.requestBody.content["application/json"];
    expect(schema).toMatchObject({
      properties: { files: { type: "object", additionalProperties: { anyOf: [{}, {}] } } },
    });
  });

  test("says what a field means", () => {
    const generation = { description: "Rises with everything that is asked for" };
    expect(document.components.schemas.Receipt).toMatchObject({ properties: { generation } });
    const [event] = document.paths["/events"]?.get?.parameters ?? [];
    expect(event).toMatchObject({ name: "event", in: "query", description: "Names of events, separated by commas" });
  });
});

describe("a real answer is as the document says", () => {
  test.each(named(ROUTES.filter(({ stream }) => !stream)))("%s", async (_, route) => {
    const id = await api.workspace();
    await expectDescribed(route.method, templateOf(route), pathOf(route, id), askedOf(route));
  });

  test("of a workspace with a history", async () => {
    const parent = await api.workspace();
    const id = await api.workspace({ name: "a", runtime: "node", parentId: parent, tags: { a: "b" }, spec: { x: 1 } });
    await api.trigger(id, { source: "file-write", reason: "saved" });
    const { json: pending } = await api.trigger(id, { source: "secret-change" });
    const look = () => expectDescribed("GET", "/workspaces/{id}", `/workspaces/${id}`);
    await look();
    await expectOutcome(id, pending.triggerId, "pending");
    const lease = await api.begin(id);
    await look();
    await expectOutcome(id, pending.triggerId, "running");
    await lease.end({ outcome: "failed", error: "no capacity", retryable: true });
    await look();
    await api.post(id, "restart", {});
    await api.cycle(id);
    await look();
    await expectOutcome(id, pending.triggerId, "done");
    await expectDescribed("GET", "/workspaces/{id}/activity", `/workspaces/${id}/activity`);
    await expectDescribed("GET", "/workspaces/{id}/restarting", `/workspaces/${id}/restarting`);
    await expectDescribed("GET", "/workspaces", "/workspaces?limit=200");
  });

  test("of files that are there", async () => {
    const id = await api.workspace();
    await expectDescribed("PUT", "/workspaces/{id}/files", `/workspaces/${id}/files`, { body: { files: { a: "b" } } });
    await expectDescribed("GET", "/workspaces/{id}/files", `/workspaces/${id}/files`);
    await expectDescribed("GET", "/workspaces/{id}/files/{path}", `/workspaces/${id}/files/a`);
    await expectDescribed("DELETE", "/workspaces/{id}/files/{path}", `/workspaces/${id}/files/a`);
  });

  test("of a request that is refused, or wrong", async () => {
    const id = await api.workspace({ runtime: "external" });
    const restart = "/workspaces/{id}/restart";
    expect(await expectDescribed("POST", restart, `/workspaces/${id}/restart`)).toBe(409);
    expect(await expectDescribed("POST", restart, `/workspaces/${id}/restart`, { body: { no: 1 } })).toBe(400);
    expect(await expectDescribed("POST", restart, "/workspaces/nobody/restart")).toBe(404);
    expect(await expectDescribed("POST", restart, `/workspaces/${id}/restart`, { token: "unknown" })).toBe(401);
    expect(await expectDescribed("GET", "/healthz", "/healthz")).toBe(200);
    expect(await expectDescribed("GET", "/readyz", "/readyz")).toBe(200);
  });
});

async function expectOutcome(id: string, triggerId: string, status: string): Promise<void> {
  const path = `/workspaces/${id}/triggers/${triggerId}`;
  expect((await api.ask<{ status: string }>("GET", path)).json.status).toBe(status);
  await expectDescribed("GET", "/workspaces/{id}/triggers/{triggerId}", path);
}

/** Asks, and holds the answer against what the document says of that status. */
async function expectDescribed(method: string, template: string, path: string, asked: Asked = {}): Promise<number> {
  const answer = await api.ask(method, path, asked);
  const described = document.paths[template]?.[method.toLowerCase()]?.responses[String(answer.status)];
  expect(described, `${method} ${template} answers ${answer.status}: ${answer.text}`).toBeDefined();
  const type = answer.headers["content-type"]?.split(";")[0] ?? "";
  const schema = described?.content[type]?.schema;
  expect(schema, `${method} ${template} answers ${answer.status} as ${type}`).toBeDefined();
  if (schema === undefined || !type.endsWith("json")) return answer.status;
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormatsModule.default(ajv);
  const validate = ajv.compile({ ...closed(schema), components: closed(document.components) });
  validate(answer.json);
  expect(validate.errors ?? [], answer.text).toEqual([]);
  return answer.status;
}

/** The document leaves room for further fields; here, one that it does not name is a slip. */
function closed<Json>(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(closed) as Json;
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  const isOpen = "properties" in schema && !("additionalProperties" in schema);
  return Object.fromEntries(isOpen ? [...entries, ["additionalProperties", false]] : entries) as Json;
}
