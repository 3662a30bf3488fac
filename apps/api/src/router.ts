/** Serves the routes: who may ask, what came, what the route does, what it answers, in this order for each of them. */
import { type Request, type RequestHandler, type Response, Router } from "express";
import { z } from "zod";
import { allow, assertMay, authenticate, type Tokens } from "./authentication.ts";
import { BodyBudget } from "./body/budget.ts";
import { fileSetReader, LARGEST_SET_BYTES } from "./body/file-set.ts";
import { jsonReader } from "./body/json.ts";
import { keepingPace, PACE } from "./body/pace.ts";
import { assertNoCondition } from "./conditions.ts";
import type { ApiContext } from "./context.ts";
import { badFields } from "./problem.ts";
import { type JsonReply, type Mount, type Route, SENT } from "./route.ts";

const MIB = 1024 * 1024;
/** Of one caller only the largest body, or what is as much; a third more for all others. */
const BODIES = { bytes: 96 * MIB, bytesPerCaller: LARGEST_SET_BYTES, waitingPerCaller: 200, waitMs: 30_000 } as const;

/** Makes the router of a list of routes. What is asked most stands first: a request is compared with all before its own. */
export function routerOf(
  { routes, mounts }: { routes: readonly Route[]; mounts: readonly Mount[] },
  context: ApiContext,
  tokens: Tokens,
): Router {
  const router = Router();
  const budget = new BodyBudget(BODIES);
  const add = (route: Route, ...guards: RequestHandler[]): void => {
    const method = route.method.toLowerCase() as Lowercase<Route["method"]>;
    router[method](route.path, ...guards, handlerOf(route, context, budget));
  };
  const isOpen = ({ scope }: Route): boolean => scope === undefined;
  for (const route of routes.filter(isOpen)) add(route);
  // Pages and a browser's EventSource can send no Bearer token.
  const page = authenticate(tokens, "page");
  for (const { path, scope, handlers } of mounts) router.use(path, page, allow(scope), ...handlers(context));
  for (const route of routes.filter((each) => each.page)) add(route, page);
  router.use(authenticate(tokens));
  for (const route of routes.filter((each) => !isOpen(each) && !each.page)) add(route);
  return router;
}

const NO_BODY = z.strictObject({}).optional();

function handlerOf(route: Route, context: ApiContext, budget: BodyBudget): RequestHandler {
  const { scope, limitedScope, params, query, headers, body } = route;
  const read = route.fileSet ? fileSetReader(budget) : jsonReader(budget);
  const isRaw = typeof body === "string";
  const schema = typeof body === "object" ? body : NO_BODY;

  return async (request, response) => {
    const { caller } = response.locals;
    // First: nobody makes this process read and inflate what he may not send.
    if (scope !== undefined && caller.scope !== limitedScope) assertMay(caller, scope);
    if (route.method !== "GET") assertWhole(request, route);
    const checked = {
      params: params?.parse(paramsOf(request)),
      query: query?.parse(request.query),
      headers: headers?.parse(headersOf(request, headers.shape)),
    };
    const answer = async (body: unknown): Promise<void> => {
      const handled = route.handle(context, { ...checked, body, caller, request, response });
      const reply = await (isRaw ? keepingPace(request, PACE, handled) : handled);
      if (reply !== SENT) send(request, response, reply);
    };
    if (isRaw) return answer(undefined);
    const held = await read(request, response);
    try {
      await answer(schema.parse(held.body));
    } finally {
      held.release();
    }
  };
}

/** What asks for less than the route does is refused, not carried out in full. @throws Problem 400, 412 */
function assertWhole(request: Request, { headers }: Route): void {
  if (request.get("Content-Range") !== undefined) {
    throw badFields([{ field: "Content-Range", message: "only a whole can be put here, not a part of it" }]);
  }
  if (headers === undefined || !("If-Match" in headers.shape)) assertNoCondition(request);
}

/** Express decodes each segment of a wildcard by itself. */
function paramsOf({ params }: Request): Record<string, string> {
  const joined = Object.entries(params).map(([name, value]) => [name, Array.isArray(value) ? value.join("/") : value]);
  return Object.fromEntries(joined);
}

/** By the names they have in the schema: Node's are in lower case. */
function headersOf(request: Request, names: object): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(names).map((name) => [name, request.get(name)]));
}

/**
 * Answers with JSON. Express' own `json` makes an ETag, too, which only an answer that may be cached has a use for, and
 * looks three times at a type that is known.
 */
function send(request: Request, response: Response, { status, body, headers }: JsonReply): void {
  response.set(headers);
  response.statusCode = status;
  if (request.method === "GET" || request.method === "HEAD") {
    response.json(body);
    return;
  }
  const text = JSON.stringify(body);
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(text);
}
