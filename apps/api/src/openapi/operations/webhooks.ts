import { z } from "zod";
import { webhookBody, workspaceId } from "../../input.ts";
import { newWebhook, webhook } from "../answers.ts";
import type { Operation } from "../operation.ts";

const path = z.object({ webhookId: workspaceId });
const unknown = { 404: "Unknown webhook" };

export const WEBHOOK_OPERATIONS: readonly Operation[] = [
  {
    route: "GET /webhooks",
    id: "listWebhooks",
    tag: "Webhooks",
    summary: "List the webhooks and how each one fares",
    scope: "admin",
    answers: { 200: { description: "All of them", content: z.object({ webhooks: z.array(webhook) }) } },
  },
  {
    route: "GET /webhooks/{webhookId}",
    id: "getWebhook",
    tag: "Webhooks",
    summary: "How a webhook fares",
    scope: "admin",
    path,
    answers: { 200: { description: "Without its secret", content: webhook } },
    problems: unknown,
  },
  {
    route: "PUT /webhooks/{webhookId}",
    id: "putWebhook",
    tag: "Webhooks",
    summary: "Register a webhook, or change it",
    description: "A disabled one is delivered to again, unless `enabled` is false.",
    scope: "admin",
    path,
    body: webhookBody(true),
    answers: {
      200: { description: "Changed; it goes on where it stood", content: webhook },
      201: { description: "Registered, with the secret: it is told this once", content: newWebhook },
    },
    problems: { 409: "There are 100 already" },
  },
  {
    route: "DELETE /webhooks/{webhookId}",
    id: "removeWebhook",
    tag: "Webhooks",
    summary: "Remove a webhook",
    scope: "admin",
    path,
    answers: {
      200: { description: "Gone", content: z.object({ id: z.string(), removed: z.literal(true) }) },
    },
    problems: unknown,
  },
  {
    route: "POST /webhooks/{webhookId}/test",
    id: "testWebhook",
    tag: "Webhooks",
    summary: "Send a test to a webhook, at once and once",
    scope: "admin",
    path,
    answers: {
      200: {
        description: "What the endpoint said; `status` is null when it said nothing",
        content: z.object({
          id: z.string(),
          taken: z.boolean(),
          status: z.number().int().nullable(),
          error: z.string().nullable(),
        }),
      },
    },
    problems: unknown,
  },
];
