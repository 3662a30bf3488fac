/** Asking for a restart: by the policy of a source, or at once. */
import type { Receipt } from "@restart-coordinator/debounce";
import { z } from "zod";
import { receipt } from "../answers.ts";
import { actorOf, assertRegistered } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { idempotencyOf } from "../idempotency.ts";
import { actor, idempotencyHeaders, ofWorkspace, oneLine, reason } from "../input.ts";
import { Problem } from "../problem.ts";
import { showReceipt } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";

const usedBefore = { 422: "The Idempotency-Key was used for another body" };

const trigger = route({
  id: "trigger",
  tag: "Restarts",
  summary: "Ask for a restart, by the policy of the source",
  method: "POST",
  path: "/workspaces/:id/triggers",
  scope: "trigger",
  params: ofWorkspace,
  headers: idempotencyHeaders,
  body: z.strictObject({ source: oneLine(64), reason, actor }),
  answers: { 202: { description: "Recorded, whatever the decision", content: receipt } },
  problems: usedBefore,
  async handle(context, input) {
    const { id } = input.params;
    const { source, reason } = input.body;
    const actor = actorOf(input.caller, input.body.actor);
    const asked = { source, reason, actor, idempotency: idempotencyOf(input) };
    const receipt = await context.coordinator.trigger(id, asked);
    if (mayBeUnknown(receipt)) await assertRegistered(context, id);
    logDecision(input, receipt, { reason, actor });
    return reply(202, showReceipt(receipt));
  },
});

const restart = route({
  id: "restart",
  tag: "Restarts",
  summary: "Restart now, whatever the window says",
  description: "A trigger of the source `manual`. `force` overrides a hold.",
  method: "POST",
  path: "/workspaces/:id/restart",
  scope: "trigger",
  params: ofWorkspace,
  headers: idempotencyHeaders,
  body: z.strictObject({ reason, actor, force: z.boolean().optional() }).prefault({}),
  answers: { 202: { description: "Recorded", content: receipt } },
  problems: { 409: "It may not be restarted; `rule` says why", ...usedBefore },
  async handle(context, input) {
    const { id } = input.params;
    const { reason = "asked for by hand", force = false } = input.body;
    const actor = actorOf(input.caller, input.body.actor);
    const onHold = force ? "override" : "refuse";
    const asked = { source: "manual", reason, actor, onHold, idempotency: idempotencyOf(input) } as const;
    const receipt = await context.coordinator.trigger(id, asked);
    if (mayBeUnknown(receipt)) await assertRegistered(context, id);
    logDecision(input, receipt, { reason, actor });
    if (receipt.decision === "refused") {
      const hint = receipt.rule === "held" ? "; release it, or send force" : "";
      throw new Problem({
        type: "refused",
        status: 409,
        title: "Refused",
        detail: `workspace ${id} may not be restarted: ${receipt.rule}${hint}`,
        rule: receipt.rule,
        receipt: showReceipt(receipt),
      });
    }
    return reply(202, showReceipt(receipt));
  },
});

export const triggerRoutes: readonly Route[] = [trigger, restart];

/** Only then it is asked whether there is such a workspace: the trigger itself is one round trip. */
function mayBeUnknown({ rule }: Receipt): boolean {
  return rule === "removed";
}
