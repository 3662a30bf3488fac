/** Every route behind a token, with a good request for it: what the generic tests ask. */
import type { Scope } from "../../src/authentication.ts";
import type { Route as AnyRoute } from "../../src/route.ts";
import { ROUTES as ALL_ROUTES } from "../../src/routes/index.ts";
import type { Asked } from "./http.ts";

interface Example {
  readonly body?: Asked["body"];
  /** What it is answered with for a fresh workspace, where that is not the first of the route's answers. */
  readonly status?: number;
  /** It answers for a workspace that nobody registered. */
  readonly unregistered?: true;
}

/** By the route's id; a route that needs none of this is not here. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  putWorkspace: { body: {}, unregistered: true },
  getShadowPolicy: { status: 404 },
  trigger: { body: { source: "startup" }, status: 202 },
  createRollout: { body: { ids: ["nobody"] }, unregistered: true },
  getRollout: { status: 404 },
  pauseRollout: { status: 404 },
  resumeRollout: { status: 404 },
  abortRollout: { status: 404 },
  replaceFiles: { body: { files: {} } },
  readFile: { status: 404 },
  writeFile: { body: "text" },
  removeFile: { status: 404 },
  importTemplate: { body: { files: {} } },
  getWebhook: { status: 404 },
  putWebhook: { body: { url: "https://example.com" }, status: 201 },
  removeWebhook: { status: 404 },
  testWebhook: { status: 404 },
  listSetAside: { status: 404 },
  alertmanager: { body: { alerts: [{ status: "firing", labels: { tag_team: "nobody" } }] }, unregistered: true },
  sendSetAside: { status: 404 },
  forgetSetAside: { status: 404 },
};

/** What stands in a path, by its name there. */
const PARAMETERS: Readonly<Record<string, (id: string) => string>> = {
  id: (id) => id,
  webhookId: (id) => id,
  eventId: () => "evt_0_1-1",
  rollout: () => "r-nosuchrollout",
  triggerId: (id) => `dropped.window.1.nonce.${id}`,
  path: () => "no/such.txt",
};

export interface Route extends AnyRoute {
  readonly scope: Scope;
  readonly example: Example & { readonly status: number };
  /** The answer has no end. */
  readonly stream: boolean;
}

export const ROUTES: readonly Route[] = ALL_ROUTES.flatMap((route) => {
  const { id, scope, answers } = route;
  if (scope === undefined) return [];
  const [status] = Object.keys(answers).map(Number) as [number];
  const stream = answers[status]?.content === "text/event-stream";
  return [{ ...route, scope, stream, example: { status, ...EXAMPLES[id] } }];
});
export const WORKSPACE_ROUTES = ROUTES.filter(({ path }) => path.includes(":id"));

/** The ids that have an example. */
export const EXEMPLIFIED = Object.keys(EXAMPLES);

/** For test names. */
export const named = (routes: readonly Route[]) =>
  routes.map((route) => [`${route.method} ${route.path}`, route] as const);

/** The path of a route for a workspace; `id` is used as it is. */
export function pathOf({ path }: Route, id: string): string {
  return path.replaceAll(/[:*](\w+)/g, (_, name: string) => {
    const parameter = PARAMETERS[name];
    if (parameter === undefined) throw new Error(`${path}: support/routes.ts does not say what ${name} may be`);
    return parameter(id);
  });
}

export function askedOf({ example: { body }, stream }: Route): Asked {
  return { body, headersOnly: stream };
}
