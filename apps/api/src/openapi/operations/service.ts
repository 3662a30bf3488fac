import { z } from "zod";
import type { Operation } from "../operation.ts";

export const SERVICE_OPERATIONS: readonly Operation[] = [
  {
    route: "GET /healthz",
    id: "isAlive",
    tag: "Service",
    summary: "Whether the process is alive",
    scope: undefined,
    answers: { 200: { description: "It is", content: z.object({ status: z.literal("ok") }) } },
  },
  {
    route: "GET /readyz",
    id: "isReady",
    tag: "Service",
    summary: "Whether it can acknowledge anything",
    scope: undefined,
    answers: {
      200: { description: "It can", content: z.object({ status: z.literal("ready") }) },
      503: {
        description: "Redis is away",
        content: z.object({ status: z.literal("not ready"), reason: z.string() }),
      },
    },
  },
  {
    route: "GET /metrics",
    id: "getMetrics",
    tag: "Service",
    summary: "Metrics for Prometheus",
    scope: "read",
    withoutRedis: true,
    answers: { 200: { description: "The text format", content: "text/plain" } },
  },
  {
    route: "GET /openapi.json",
    id: "getOpenApi",
    tag: "Service",
    summary: "This document",
    scope: "read",
    withoutRedis: true,
    answers: { 200: { description: "OpenAPI 3.1", content: z.looseObject({ openapi: z.string() }) } },
  },
];
