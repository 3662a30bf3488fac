/** Webhooks. Who may say where events go to can read them all: everything here is for admins. */
import { randomBytes } from "node:crypto";
import { assertPublicHost, send, testNotice, WEBHOOK_FORMATS, type Webhook } from "@restart-coordinator/webhooks";
import { z } from "zod";
import { anyEvent, count, time } from "../answers.ts";
import type { ApiContext } from "../context.ts";
import { ALL_EVENTS, eventName, workspaceId } from "../input.ts";
import { badFields, Problem } from "../problem.ts";
import { showWebhook } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";

const admin = { tag: "Webhooks", scope: "admin" } as const;
const one = { ...admin, path: "/webhooks/:webhookId", params: z.object({ webhookId: workspaceId }) } as const;
const unknown = { 404: "Unknown webhook" };

const webhook = z
  .object({
    id: z.string(),
    url: z.string().describe("Only where it leads to: the rest may be a secret"),
    events: z.array(anyEvent).nullable().describe("null: all"),
    workspaces: z.array(z.string()).nullable().describe("null: all"),
    format: z.enum(WEBHOOK_FORMATS),
    status: z.enum(["active", "failing", "disabled"]),
    createdAt: time,
    delivered: count,
    lastDeliveredAt: time.nullable(),
    failure: z
      .object({ since: time, attempts: count, error: z.string(), retryAt: time.nullable() })
      .nullable()
      .describe("The event that comes next was not taken yet"),
    disabled: z.object({ at: time, reason: z.string() }).nullable(),
  })
  .meta({ id: "Webhook" });

const listWebhooks = route({
  ...admin,
  id: "listWebhooks",
  summary: "List the webhooks and how each one fares",
  method: "GET",
  path: "/webhooks",
  answers: { 200: { description: "All of them", content: z.object({ webhooks: z.array(webhook) }) } },
  async handle({ webhooks }) {
    return reply(200, { webhooks: (await webhooks.registry.list()).map(showWebhook) });
  },
});

const getWebhook = route({
  ...one,
  id: "getWebhook",
  summary: "How a webhook fares",
  method: "GET",
  answers: { 200: { description: "Without its secret", content: webhook } },
  problems: unknown,
  async handle(context, { params: { webhookId } }) {
    return reply(200, showWebhook(await find(context, webhookId)));
  },
});

/** 24 to 64 bytes, as Standard Webhooks has it. */
const SECRET = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;

const putWebhook = route({
  ...one,
  id: "putWebhook",
  summary: "Register a webhook, or change it",
  description: "A disabled one is delivered to again, unless `enabled` is false.",
  method: "PUT",
  body: z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "expected an https:// or http:// URL" })
      .max(2_000)
      .refine(
        (url) => new URL(url).username === "" && new URL(url).password === "",
        "expected no user and password in it",
      ),
    events: z.array(eventName).min(1).max(ALL_EVENTS.length).optional(),
    workspaces: z.array(workspaceId).min(1).max(100).optional(),
    format: z.enum(WEBHOOK_FORMATS).default("standard"),
    secret: z.string().regex(SECRET, "expected whsec_ and the base64 of 24 to 64 bytes").optional(),
    enabled: z.boolean().default(true),
  }),
  answers: {
    200: { description: "Changed; it goes on where it stood", content: webhook },
    201: {
      description: "Registered, with the secret: it is told this once",
      content: webhook.extend({ secret: z.string() }),
    },
  },
  problems: { 409: "There are 100 already" },
  async handle(context, { params: { webhookId }, body }) {
    const { registry, sending } = context.webhooks;
    if (!sending.allowPrivate) assertPublic(body.url);
    const result = await registry.put(webhookId, body);
    if (result.kind === "too-many") {
      const detail = "there are as many webhooks as there may be: remove one first";
      throw new Problem({ type: "too-many-webhooks", status: 409, title: "Conflict", detail });
    }
    const shown = showWebhook(await find(context, webhookId));
    // Told this once, and never again.
    if (result.kind === "created") return reply(201, { ...shown, secret: result.secret });
    return reply(200, shown);
  },
});

const removeWebhook = route({
  ...one,
  id: "removeWebhook",
  summary: "Remove a webhook",
  method: "DELETE",
  answers: { 200: { description: "Gone", content: z.object({ id: z.string(), removed: z.literal(true) }) } },
  problems: unknown,
  async handle({ webhooks }, { params: { webhookId: id } }) {
    if (!(await webhooks.registry.remove(id))) throw unknownWebhook(id);
    return reply(200, { id, removed: true });
  },
});

const testWebhook = route({
  ...admin,
  id: "testWebhook",
  summary: "Send a test to a webhook, at once and once",
  method: "POST",
  path: "/webhooks/:webhookId/test",
  params: one.params,
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
  async handle(context, { params: { webhookId: id } }) {
    const webhook = await find(context, id);
    const notice = testNotice(id, randomBytes(9).toString("base64url"), Date.now());
    const sent = await send(webhook, notice, context.webhooks.sending);
    const error = sent.kind === "taken" ? null : sent.error;
    return reply(200, { id, taken: sent.kind === "taken", status: sent.status ?? null, error });
  },
});

export const webhookRoutes: readonly Route[] = [listWebhooks, getWebhook, putWebhook, removeWebhook, testWebhook];

/** Looks only at what shows already: a name is looked up when it is connected to. @throws Problem 400 */
function assertPublic(url: string): void {
  try {
    assertPublicHost(new URL(url));
  } catch {
    const message = "the address is private, and WEBHOOK_ALLOW_PRIVATE is not true";
    throw badFields([{ field: "url", message }]);
  }
}

async function find({ webhooks }: ApiContext, id: string): Promise<Webhook> {
  const webhook = await webhooks.registry.get(id);
  if (webhook === undefined) throw unknownWebhook(id);
  return webhook;
}

function unknownWebhook(id: string): Problem {
  const detail = `webhook ${id} is not registered: PUT /webhooks/${id} first`;
  return new Problem({ type: "unknown-webhook", status: 404, title: "Unknown webhook", detail });
}
