import type { Receipt } from "@restart-coordinator/debounce";
import { Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, actorOf, assertRegistered, idOf } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { idempotencyOf } from "../idempotency.ts";
import { restartBody, triggerBody } from "../input.ts";
import { Problem } from "../problem.ts";
import { showReceipt } from "../representation.ts";

export function triggerRoutes(context: ApiContext): Router {
  const { coordinator } = context;
  const router = Router();

  // Asked only after a refusal: the trigger itself is one round trip.
  const assertKnown = async (id: string, { rule }: Receipt): Promise<void> => {
    if (rule === "removed") await assertRegistered(context, id);
  };

  router.post("/workspaces/:id/triggers", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const { source, reason, actor } = triggerBody.parse(request.body);
    const by = actorOf(response, actor);
    const idempotency = idempotencyOf(request, response.locals.caller.name);
    const receipt = await coordinator.trigger(id, {
      source,
      actor: by,
      ...(reason !== undefined && { reason }),
      ...(idempotency !== undefined && { idempotency }),
    });
    await assertKnown(id, receipt);
    logDecision(request, response, receipt, { reason, actor: by });
    response.status(202).json(showReceipt(receipt));
  });

  router.post("/workspaces/:id/restart", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const { reason = "asked for by hand", actor, force = false } = restartBody.parse(request.body) ?? {};
    const by = actorOf(response, actor);
    const idempotency = idempotencyOf(request, response.locals.caller.name);
    const receipt = await coordinator.trigger(id, {
      source: "manual",
      reason,
      actor: by,
      onHold: force ? "override" : "refuse",
      ...(idempotency !== undefined && { idempotency }),
    });
    await assertKnown(id, receipt);
    logDecision(request, response, receipt, { reason, actor: by });
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
    response.status(202).json(showReceipt(receipt));
  });
  return router;
}
