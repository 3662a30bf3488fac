/** The process itself: alive, able to acknowledge, measured, described. */
import { describeCondition } from "@restart-coordinator/debounce";
import { z } from "zod";
import { openApiDocument } from "../openapi/document.ts";
import { type Route, reply, route, SENT } from "../route.ts";

const isAlive = route({
  id: "isAlive",
  tag: "Service",
  summary: "Whether the process is alive",
  method: "GET",
  path: "/healthz",
  scope: undefined,
  answers: { 200: { description: "It is", content: z.object({ status: z.literal("ok") }) } },
  async handle() {
    return reply(200, { status: "ok" });
  },
});

const isReady = route({
  id: "isReady",
  tag: "Service",
  summary: "Whether it can acknowledge anything",
  method: "GET",
  path: "/readyz",
  scope: undefined,
  answers: {
    200: { description: "It can", content: z.object({ status: z.literal("ready") }) },
    503: {
      description: "Redis is away, or takes no writes",
      content: z.object({ status: z.literal("not ready"), reason: z.string() }),
    },
  },
  async handle({ redisWatch }) {
    const condition = await redisWatch.condition();
    if (condition === undefined) return reply(200, { status: "ready" });
    return reply(503, { status: "not ready", reason: describeCondition(condition) }, { "Retry-After": "1" });
  },
});

const getMetrics = route({
  id: "getMetrics",
  tag: "Service",
  summary: "Metrics for Prometheus",
  method: "GET",
  path: "/metrics",
  scope: "read",
  withoutRedis: true,
  answers: { 200: { description: "The text format", content: "text/plain" } },
  async handle({ metrics }, { response }) {
    const { contentType, text } = await metrics.expose();
    response.set("Content-Type", contentType).end(text);
    return SENT;
  },
});

/** The document describes this route, too: it asks for the list when it is made. */
function getOpenApi(routes: () => readonly Route[]): Route {
  let document: ReturnType<typeof openApiDocument> | undefined;
  return route({
    id: "getOpenApi",
    tag: "Service",
    summary: "This document",
    method: "GET",
    path: "/openapi.json",
    scope: "read",
    withoutRedis: true,
    answers: { 200: { description: "OpenAPI 3.1", content: z.looseObject({ openapi: z.string() }) } },
    async handle() {
      document ??= openApiDocument(routes());
      return reply(200, { ...document });
    },
  });
}

export const serviceRoutes = (routes: () => readonly Route[]): readonly Route[] => [
  isAlive,
  isReady,
  getMetrics,
  getOpenApi(routes),
];
