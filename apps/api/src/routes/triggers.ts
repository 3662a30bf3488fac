/** Asking for a restart: by the policy of a source, or at once. */
import type { Receipt } from "@restart-coordinator/debounce";
import { z } from "zod";
import { foreseen, receipt } from "../answers.ts";
import { type ApiContext, actorOf, assertRegistered } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { idempotencyOf } from "../idempotency.ts";
import { actor, dryRunQuery, idempotencyHeaders, ofWorkspace, oneLine, reason } from "../input.ts";
import { Problem } from "../problem.ts";
import { showForeseen, showReceipt } from "../representation.ts";
import { type Input, type Route, reply, route } from "../route.ts";

const usedBefore = { 422: "The Idempotency-Key was used for another body" };

const trigger = route({
  id: "trigger",
  tag: "Restarts",
  summary: "Ask for a restart, by the policy of the source",
  method: "POST",
  path: "/workspaces/:id/triggers",
  scope: "trigger",
  params: ofWorkspace,
  query: dryRunQuery,
  headers: idempotencyHeaders,
  body: z.strictObject({ source: oneLine(64), reason, actor }),
  answers: {
    202: { description: "Recorded, whatever the decision", content: receipt },
    200: { description: "With `dryRun`: what would be decided now", content: foreseen },
  },
  problems: usedBefore,
  async handle(context, input) {
    const { source, reason } = input.body;
    if (input.query.dryRun) {
      const { id } = input.params;
      const told = await context.coordinator.foresee(id, { source, ...(reason && { reason }) });
      if (told.rule === "removed") await assertRegistered(context, id);
      return reply(200, showForeseen({ workspaceId: id, source }, told));
    }
    return reply(202, showReceipt(await ask(context, input, { source, reason })));
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
    const { reason = "asked for by hand", force } = input.body;
    const asked = { source: "manual", reason, onHold: force ? "override" : "refuse" } as const;
    const recorded = await ask(context, input, asked);
    if (recorded.decision !== "refused") return reply(202, showReceipt(recorded));
    const { workspaceId, rule } = recorded;
    const hint = rule === "held" ? "; release it, or send force" : "";
    const detail = `workspace ${workspaceId} may not be restarted: ${rule}${hint}`;
    throw new Problem({ type: "refused", status: 409, title: "Refused", detail, rule, receipt: showReceipt(recorded) });
  },
});

export const triggerRoutes: readonly Route[] = [trigger, restart];

async function ask(
  context: ApiContext,
  input: Input<typeof ofWorkspace, unknown, typeof idempotencyHeaders, z.ZodType<{ actor?: string | undefined }>>,
  asked: { source: string; reason?: string | undefined; onHold?: "refuse" | "override" },
): Promise<Receipt> {
  const { id } = input.params;
  const actor = actorOf(input.caller, input.body.actor);
  const request = { ...asked, actor, idempotency: idempotencyOf(input) };
  const recorded = await context.coordinator.trigger(id, request);
  // Only then it is asked whether there is such a workspace: the trigger itself is one round trip.
  if (recorded.rule === "removed") await assertRegistered(context, id);
  logDecision(input, recorded, { reason: asked.reason, actor });
  return recorded;
}
