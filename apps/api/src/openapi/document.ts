/** Makes the OpenAPI document of the routes, from the very schemas they validate with. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { problem } from "../answers.ts";
import type { Answer, MediaType, Route } from "../route.ts";

type Json = Record<string, unknown>;
type Io = "input" | "output";

export function openApiDocument(routes: readonly Route[]): Json & { openapi: string } {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = templateOf(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(route, schemas) };
  }
  return {
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
      schemas: schemas.named,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        basic: { type: "http", scheme: "basic", description: "The token as the password, for browsers" },
      },
    },
  };
}

/** The path as OpenAPI and docs/api.md write it. */
export function templateOf({ path }: Route): string {
  return path.replaceAll(/[:*](\w+)/g, "{$1}");
}

function describe(route: Route, schemas: Schemas): Json {
  const { id, tag, summary, description, scope, page, body } = route;
  const parameters = parametersOf(route, schemas);
  const responses: Json = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    responses[status] = { description: answer.description, content: contentOf(answer, schemas) };
  }
  for (const [status, text] of Object.entries(problemsOf(route))) {
    responses[status] ??= {
      description: text,
      content: { "application/problem+json": { schema: schemas.convert(problem, "output") } },
    };
  }
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, scope && `Scope: ${scope}.`].filter(Boolean).join(" "),
    security: scope === undefined ? [] : [{ bearer: [scope] }, ...(page ? [{ basic: [scope] }] : [])],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: bodyOf(body, schemas) }),
    responses,
  };
}

/** What follows from what a route takes; its own problems say it better. */
function problemsOf(route: Route): Record<number, string> {
  const { path, scope, params, query, headers, body, problems } = route;
  const isJson = body !== undefined && typeof body !== "string";
  const following: [applies: boolean, status: number, text: string][] = [
    [
      isJson || params !== undefined || query !== undefined || headers !== undefined,
      400,
      "Bad input; `fields` names it",
    ],
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

function parametersOf({ params, query, headers }: Route, schemas: Schemas): Json[] {
  return Object.entries({ path: params, query, header: headers }).flatMap(([place, object]) =>
    Object.entries(object?.shape ?? {}).map(([name, schema]) => {
      const { description, ...converted } = schemas.convert(schema as z.ZodType, "input");
      const required = place === "path" || !z.safeParse(schema as z.ZodType, undefined).success;
      return { name, in: place, required, ...(description !== undefined && { description }), schema: converted };
    }),
  );
}

function bodyOf(body: z.ZodType | MediaType, schemas: Schemas): Json {
  if (typeof body === "string") return { required: true, content: { [body]: {} } };
  const required = !z.safeParse(body, undefined).success;
  return { required, content: { "application/json": { schema: schemas.convert(body, "input") } } };
}

function contentOf({ content }: Answer, schemas: Schemas): Json {
  if (typeof content === "string") return { [content]: { schema: { type: "string" } } };
  return { "application/json": { schema: schemas.convert(content, "output") } };
}

/** Converts schemas, and collects the named ones on the way. */
class Schemas {
  readonly named: Record<string, unknown> = {};

  convert(schema: z.ZodType, io: Io): Json {
    // In an object, so that a schema with a name becomes a reference, too.
    const whole = z.toJSONSchema(z.object({ it: schema }), { io, override: (at) => adjust(at, io) });
    const { $defs = {}, properties } = JSON.parse(
      JSON.stringify(whole).replaceAll('"#/$defs/', '"#/components/schemas/'),
    ) as { $defs?: Json; properties: { it: Json } };
    for (const [id, definition] of Object.entries($defs)) this.named[id] = withoutId(definition as Json);
    return properties.it;
  }
}

function withoutId({ id: _, ...definition }: Json): Json {
  return definition;
}

function adjust({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: Json }, io: Io): void {
  const { def } = zodSchema._zod;
  // What only looks at the raw value first (input.ts, recordOf) takes what comes after it.
  if (io === "input" && def.type === "pipe" && def.in._zod.def.type === "unknown") {
    const { $schema: _, ...after } = z.toJSONSchema(def.out, { io });
    Object.assign(jsonSchema, after);
  }
  // Answers may get further fields.
  if (io === "output" && def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
