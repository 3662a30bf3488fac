/** Makes the OpenAPI document of the routes, from the very schemas they validate with. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import {
  createDocument,
  type ZodOpenApiContentObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiOverride,
  type ZodOpenApiPathsObject,
} from "zod-openapi";
import { problem } from "../answers.ts";
import type { Answer, MediaType, Route } from "../route.ts";

export function openApiDocument(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) {
    const path = templateOf(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(route) };
  }
  return createDocument(
    {
      openapi: "3.1.0",
      info: {
        title: "restart-coordinator",
        version: version(),
        description: "Turns bursts of restart triggers into the fewest safe restarts, and says why each one happened.",
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [{ url: "/" }],
      paths,
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          basic: { type: "http", scheme: "basic", description: "The token as the password, for browsers" },
        },
      },
    },
    { override },
  );
}

/** The path as OpenAPI and docs/api.md write it. */
export function templateOf({ path }: Route): string {
  return path.replaceAll(/[:*](\w+)/g, "{$1}");
}

function describe(route: Route): ZodOpenApiOperationObject {
  const { id, tag, summary, description, scope, page, params, query, headers, body } = route;
  const responses: ZodOpenApiOperationObject["responses"] = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    const content = contentOf(answer);
    responses[status as "200"] = { description: answer.description, ...(content && { content }) };
  }
  for (const [status, description] of Object.entries(problemsOf(route))) {
    responses[status as "200"] ??= { description, content: { "application/problem+json": { schema: problem } } };
  }
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, scope && `Scope: ${scope}.`].filter(Boolean).join(" "),
    security: scope === undefined ? [] : [{ bearer: [scope] }, ...(page ? [{ basic: [scope] }] : [])],
    requestParams: { ...(params && { path: params }), ...(query && { query }), ...(headers && { header: headers }) },
    ...(body !== undefined && { requestBody: bodyOf(body) }),
    responses,
  };
}

function bodyOf(body: z.ZodType | MediaType): ZodOpenApiOperationObject["requestBody"] {
  if (typeof body === "string") return { required: true, content: { [body]: {} } };
  return { required: !body.safeParse(undefined).success, content: { "application/json": { schema: body } } };
}

function contentOf({ content }: Answer): ZodOpenApiContentObject | undefined {
  if (content === undefined) return undefined;
  if (typeof content === "string") return { [content]: { schema: { type: "string" } } };
  return { "application/json": { schema: content } };
}

/** What follows from what a route takes; its own problems say it better. */
function problemsOf(route: Route): Record<number, string> {
  const { path, scope, params, query, headers, body, problems } = route;
  const isJson = typeof body === "object";
  const hasInput = [params, query, headers].some((fields) => fields !== undefined) || isJson;
  const following: [applies: boolean, status: number, text: string][] = [
    [hasInput, 400, "Bad input; `fields` names it"],
    [scope !== undefined, 401, "No known token"],
    [scope !== undefined, 403, `The token's scope is less than ${scope}`],
    [path.startsWith("/workspaces/:id"), 404, "Unknown workspace"],
    [body !== undefined, 413, "Too large"],
    [isJson, 415, "Not application/json"],
    [scope !== undefined && !route.withoutRedis, 503, "Redis is away: repeat the request after `Retry-After`"],
  ];
  const applying = following.flatMap(([applies, status, text]) => (applies ? [[status, text]] : []));
  return { ...Object.fromEntries(applying), ...problems };
}

const override: ZodOpenApiOverride = ({ zodSchema, jsonSchema, io }) => {
  const { def } = zodSchema._zod;
  // Answers may get further fields.
  if (io === "output" && def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
};

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
