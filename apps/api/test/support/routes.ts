/** Every route behind a token, as a table: who may ask, and what a good request is. */
import type { Scope } from "../../src/authentication.ts";
import type { Asked } from "./http.ts";

export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** As the router knows it. */
  readonly pattern: string;
  /** The least that may ask. */
  readonly scope: Scope;
  readonly body?: Asked["body"];
  /** What a good request for a fresh workspace is answered with, where it is not 200. */
  readonly status?: number;
  /** It answers for a workspace that nobody registered. */
  readonly unregistered?: true;
  /** The answer has no end. */
  readonly stream?: true;
  /** It answers while Redis is away. */
  readonly withoutRedis?: true;
  /** A browser may come here: the token is taken as HTTP Basic password, too. */
  readonly page?: true;
}

const verb = (name: string, scope: Scope = "operate"): Route => {
  return { method: "POST", pattern: `/workspaces/:id/${name}`, scope, status: 202 };
};

export const ROUTES: readonly Route[] = [
  { method: "GET", pattern: "/workspaces", scope: "read" },
  { method: "GET", pattern: "/workspaces/:id", scope: "read" },
  { method: "PUT", pattern: "/workspaces/:id", scope: "operate", body: {}, unregistered: true },
  { method: "DELETE", pattern: "/workspaces/:id", scope: "operate", status: 202 },
  { method: "GET", pattern: "/workspaces/:id/restarting", scope: "read" },
  { method: "GET", pattern: "/workspaces/:id/policy", scope: "read" },
  { method: "GET", pattern: "/workspaces/:id/policy/shadow", scope: "read", status: 404 },
  { method: "GET", pattern: "/workspaces/:id/activity", scope: "read" },
  { method: "GET", pattern: "/events", scope: "read", stream: true, page: true },
  { method: "GET", pattern: "/workspaces/:id/events", scope: "read", stream: true, page: true },
  { ...verb("triggers", "trigger"), body: { source: "startup" } },
  { method: "GET", pattern: "/workspaces/:id/triggers/:triggerId", scope: "read" },
  verb("restart", "trigger"),
  verb("pause"),
  verb("resume"),
  verb("hibernate"),
  verb("wake"),
  verb("hold"),
  verb("release"),
  verb("cancel"),
  { ...verb("flush"), status: 200 },
  { method: "GET", pattern: "/rollouts", scope: "read" },
  {
    method: "POST",
    pattern: "/rollouts",
    scope: "operate",
    body: { ids: ["nobody"] },
    status: 202,
    unregistered: true,
  },
  { method: "GET", pattern: "/rollouts/:rollout", scope: "read", status: 404 },
  { method: "POST", pattern: "/rollouts/:rollout/pause", scope: "operate", status: 404 },
  { method: "POST", pattern: "/rollouts/:rollout/resume", scope: "operate", status: 404 },
  { method: "POST", pattern: "/rollouts/:rollout/abort", scope: "operate", status: 404 },
  { method: "GET", pattern: "/workspaces/:id/files", scope: "read" },
  { method: "PUT", pattern: "/workspaces/:id/files", scope: "trigger", body: { files: {} } },
  { method: "GET", pattern: "/workspaces/:id/files/*path", scope: "read", status: 404 },
  { method: "PUT", pattern: "/workspaces/:id/files/*path", scope: "trigger", body: "text" },
  { method: "DELETE", pattern: "/workspaces/:id/files/*path", scope: "trigger", status: 404 },
  { method: "GET", pattern: "/metrics", scope: "read", withoutRedis: true },
  { method: "GET", pattern: "/webhooks", scope: "admin" },
  { method: "GET", pattern: "/webhooks/:webhookId", scope: "admin", status: 404 },
  { method: "PUT", pattern: "/webhooks/:webhookId", scope: "admin", body: { url: "https://example.com" }, status: 201 },
  { method: "DELETE", pattern: "/webhooks/:webhookId", scope: "admin", status: 404 },
  { method: "POST", pattern: "/webhooks/:webhookId/test", scope: "admin", status: 404 },
  { method: "GET", pattern: "/openapi.json", scope: "read", withoutRedis: true },
  { method: "POST", pattern: "/workspaces/:id/template", scope: "trigger", body: { files: {} } },
];

export const WORKSPACE_ROUTES = ROUTES.filter(({ pattern }) => pattern.includes(":id"));
export const CHANGING_ROUTES = ROUTES.filter(({ method }) => method !== "GET");

/** For test names. */
export const named = (routes: readonly Route[]) =>
  routes.map((route) => [`${route.method} ${route.pattern}`, route] as const);

/** The path of a route for a workspace; `id` is used as it is. */
export function pathOf({ pattern }: Route, id: string): string {
  return pattern
    .replace(":id", id)
    .replace(":webhookId", id)
    .replace(":rollout", "r-nosuchrollout")
    .replace(":triggerId", `dropped.window.1.nonce.${id}`)
    .replace("*path", "no/such.txt");
}

export function askedOf({ body, stream }: Route): Asked {
  return { body, headersOnly: stream };
}
