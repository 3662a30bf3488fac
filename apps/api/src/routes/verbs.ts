import { Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, actorOf, idOf } from "../context.ts";
import { holdBody, verbBody } from "../input.ts";
import { conflict, unknownWorkspace } from "../problem.ts";

/** What operators do to one workspace's restarts. */
export function verbRoutes(context: ApiContext): Router {
  const { verbs } = context.coordinator;
  const router = Router();

  router.post("/workspaces/:id/hold", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const { reason, holdMs } = holdBody.parse(request.body ?? {});
    const result = await verbs.hold(id, { holdMs, reason, actor: actorOf(response) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    response.status(202).json({ id, heldUntil: new Date(result.heldUntil).toISOString() });
  });

  router.post("/workspaces/:id/release", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const result = await verbs.release(id, { actor: actorOf(response) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    response.status(202).json({ id, released: result.kind === "released" });
  });

  router.post("/workspaces/:id/cancel", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const { reason } = verbBody.parse(request.body) ?? {};
    const result = await verbs.cancel(id, { reason, actor: actorOf(response) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    const triggers = "triggers" in result ? result.triggers : 0;
    const stopping = result.kind === "stopping";
    // It stops at its next safe point, or ends well: then its end says that the cancel came too late.
    response.status(202).json({ id, canceled: triggers, stopping, ...(stopping && { cycleId: result.cycleId }) });
  });

  router.post("/workspaces/:id/flush", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const result = await verbs.flush(id, { actor: actorOf(response) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    const rule = "rule" in result ? result.rule : result.kind === "held" ? "held" : undefined;
    if (rule !== undefined) throw conflict(`workspace ${id} cannot be flushed: ${rule}`, rule);
    response.status(result.kind === "flushed" ? 202 : 200).json({ id, flushed: result.kind === "flushed" });
  });
  return router;
}
