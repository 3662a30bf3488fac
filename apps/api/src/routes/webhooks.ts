import { randomBytes } from "node:crypto";
import { type SendOptions, send, testNotice, type Webhook, type WebhookRegistry } from "@restart-coordinator/webhooks";
import { Router } from "express";
import { allow } from "../authentication.ts";
import { idOf } from "../context.ts";
import { webhookBody } from "../input.ts";
import { Problem } from "../problem.ts";
import { showWebhook } from "../representation.ts";

export interface WebhookContext {
  readonly registry: WebhookRegistry;
  /** For tests of an endpoint, which are sent from here; workers deliver. */
  readonly sending: SendOptions;
}

/** Who may say where events go to can read them all: everything here is for admins. */
export function webhookRoutes(context: WebhookContext): Router {
  const router = Router();

  router.get("/webhooks", allow("admin"), async (_request, response) => {
    response.json({ webhooks: (await context.registry.list()).map(showWebhook) });
  });

  router.get("/webhooks/:webhookId", allow("admin"), async (request, response) => {
    response.json(showWebhook(await find(context, idOf(request, "webhookId"))));
  });

  router.put("/webhooks/:webhookId", allow("admin"), async (request, response) => {
    const id = idOf(request, "webhookId");
    const result = await context.registry.put(id, webhookBody(context.sending.allowPrivate).parse(request.body));
    if (result.kind === "too-many") {
      const detail = "there are as many webhooks as there may be: remove one first";
      throw new Problem({ type: "too-many-webhooks", status: 409, title: "Conflict", detail });
    }
    const shown = showWebhook(await find(context, id));
    // Told this once, and never again.
    if (result.kind === "created") response.status(201).json({ ...shown, secret: result.secret });
    else response.json(shown);
  });

  router.delete("/webhooks/:webhookId", allow("admin"), async (request, response) => {
    const id = idOf(request, "webhookId");
    if (!(await context.registry.remove(id))) throw unknownWebhook(id);
    response.json({ id, removed: true });
  });

  router.post("/webhooks/:webhookId/test", allow("admin"), async (request, response) => {
    const webhook = await find(context, idOf(request, "webhookId"));
    const notice = testNotice(webhook.id, randomBytes(9).toString("base64url"), Date.now());
    const sent = await send(webhook, notice, context.sending);
    const error = sent.kind === "taken" ? null : sent.error;
    response.json({ id: webhook.id, taken: sent.kind === "taken", status: sent.status ?? null, error });
  });
  return router;
}

async function find({ registry }: WebhookContext, id: string): Promise<Webhook> {
  const webhook = await registry.get(id);
  if (webhook === undefined) throw unknownWebhook(id);
  return webhook;
}

function unknownWebhook(id: string): Problem {
  const detail = `webhook ${id} is not registered: PUT /webhooks/${id} first`;
  return new Problem({ type: "unknown-webhook", status: 404, title: "Unknown webhook", detail });
}
