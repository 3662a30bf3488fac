import type { Receipt } from "@restart-coordinator/debounce";
import { Router } from "express";
import { answer } from "../answer.ts";
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

  router.post("/workspaces/:id/triggers", allow("trigger"), async (request, response) => {
    const id = idOf(request);
    const { source, reason, actor } = triggerBody.parse(request.body);
    const by = actorOf(response, actor);
    const idempotency = idempotencyOf(request, response.locals.caller.name);
    const receipt = await coordinator.trigger(id, { source, reason, actor: by, idempotency });
    if (mayBeUnknown(receipt)) await assertRegistered(context, id);
    logDecision(request, response, receipt, { reason, actor: by });
    answer(response, 202, showReceipt(receipt));
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
      idempotency,
    });
    if (mayBeUnknown(receipt)) await assertRegistered(context, id);
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
    answer(response, 202, showReceipt(receipt));
  });
  return router;
}

/** Only then it is asked whether there is such a workspace: the trigger itself is one round trip. */
function mayBeUnknown({ rule }: Receipt): boolean {
  return rule === "removed";
}
