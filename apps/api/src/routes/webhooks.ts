/** Webhooks. Who may say where events go to can read them all: everything here is for admins. */
import { randomBytes } from "node:crypto";
import {
  assertPublicHost,
  type Sent,
  send,
  testNotice,
  WEBHOOK_FORMATS,
  type Webhook,
} from "@restart-coordinator/webhooks";
import { z } from "zod";
import { anyEvent, count, time } from "../answers.ts";
import type { ApiContext } from "../context.ts";
import { ALL_EVENTS, eventName, workspaceId } from "../input.ts";
import { badFields, Problem } from "../problem.ts";
import { showSetAside, showWebhook } from "../representation.ts";
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
    setAside: count.describe("Events that were not taken although others were, ever"),
    previousSecretUntil: time.nullable().describe("Until when the secret before signs, too"),
    failure: z
      .object({ since: time, attempts: count, error: z.string(), retryAt: time.nullable() })
      .nullable()
      .describe("Nothing was taken since the last thing that was not"),
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
    secretOverlapMs: z
      .int()
      .min(0)
      .max(604_800_000)
      .default(86_400_000)
      .describe("For how long the secret that is replaced signs beside the new one, ms; 0 when it leaked"),
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

const said = {
  200: {
    description: "What the endpoint said; `status` is null when it said nothing",
    content: z.object({
      id: z.string(),
      taken: z.boolean(),
      status: z.number().int().nullable(),
      error: z.string().nullable(),
    }),
  },
};

const testWebhook = route({
  ...admin,
  id: "testWebhook",
  summary: "Send a test to a webhook, at once and once",
  method: "POST",
  path: "/webhooks/:webhookId/test",
  params: one.params,
  answers: said,
  problems: unknown,
  async handle(context, { params: { webhookId: id } }) {
    const webhook = await find(context, id);
    const notice = testNotice(id, randomBytes(9).toString("base64url"), Date.now());
    return reply(200, showSent(id, await send(webhook, notice, context.webhooks.sending)));
  },
});

const listSetAside = route({
  ...admin,
  id: "listSetAside",
  summary: "List the events that a webhook did not take although it took others",
  method: "GET",
  path: "/webhooks/:webhookId/set-aside",
  params: one.params,
  answers: {
    200: {
      description: "The latest 1,000, the latest first",
      content: z.object({
        events: z.array(
          z.object({
            id: z.string().describe("The `webhook-id` that it is sent with"),
            event: z.string(),
            workspaceId: z.string().nullable(),
            error: z.string().describe("What came of the last attempt"),
            setAsideAt: time,
          }),
        ),
      }),
    },
  },
  problems: unknown,
  async handle(context, { params: { webhookId: id } }) {
    await find(context, id);
    const events = await context.webhooks.registry.setAside(id);
    return reply(200, { events: events.map(showSetAside) });
  },
});

const oneSetAside = {
  ...admin,
  params: one.params.extend({
    eventId: z
      .string()
      .regex(/^(evt|gap)_\d{1,6}_\d{1,20}-\d{1,20}$/, "expected the id of an event that was set aside"),
  }),
  problems: { 404: "Unknown webhook, or no such event was set aside" },
} as const;

const sendSetAside = route({
  ...oneSetAside,
  id: "sendSetAside",
  summary: "Send an event that was set aside again, at once and once",
  description: "Under the `webhook-id` that it had. When it is taken it is set aside no longer.",
  method: "POST",
  path: "/webhooks/:webhookId/set-aside/:eventId/send",
  answers: said,
  problems: { ...oneSetAside.problems, 409: "The events stream no longer has it" },
  async handle(context, { params: { webhookId, eventId } }) {
    const { registry, sending } = context.webhooks;
    await find(context, webhookId);
    const sent = await registry.sendAgain(webhookId, eventId, sending);
    if (sent === undefined) throw unknownSetAside(webhookId, eventId);
    if (sent !== "trimmed") return reply(200, showSent(webhookId, sent));
    const detail = `the events stream no longer has ${eventId}: DELETE it from the list`;
    throw new Problem({ type: "event-trimmed", status: 409, title: "Conflict", detail });
  },
});

const forgetSetAside = route({
  ...oneSetAside,
  id: "forgetSetAside",
  summary: "Take an event off the list of those that were set aside",
  method: "DELETE",
  path: "/webhooks/:webhookId/set-aside/:eventId",
  answers: {
    200: { description: "Forgotten", content: z.object({ id: z.string(), forgotten: z.literal(true) }) },
  },
  async handle(context, { params: { webhookId, eventId: id } }) {
    await find(context, webhookId);
    if (!(await context.webhooks.registry.forget(webhookId, id))) throw unknownSetAside(webhookId, id);
    return reply(200, { id, forgotten: true });
  },
});

export const webhookRoutes: readonly Route[] = [
  ...[listWebhooks, getWebhook, putWebhook, removeWebhook, testWebhook],
  ...[listSetAside, sendSetAside, forgetSetAside],
];

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

function unknownSetAside(webhookId: string, eventId: string): Problem {
  const detail = `no event ${eventId} of webhook ${webhookId} is set aside: GET /webhooks/${webhookId}/set-aside lists them`;
  return new Problem({ type: "unknown-event", status: 404, title: "Unknown event", detail });
}

function showSent(id: string, sent: Sent) {
  const error = sent.kind === "taken" ? null : sent.error;
  return { id, taken: sent.kind === "taken", status: sent.status ?? null, error };
}
