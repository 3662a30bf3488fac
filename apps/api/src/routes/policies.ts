import { Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, idOf } from "../context.ts";
import { unknownWorkspace } from "../problem.ts";
import { showPolicy } from "../representation.ts";

export function policyRoutes({ coordinator, policies }: ApiContext): Router {
  const router = Router();

  /** The policy of a workspace, value by value, and where each comes from. */
  router.get("/workspaces/:id/policy", allow("read"), async (request, response) => {
    const id = idOf(request);
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    response.json(showPolicy(id, policies.explain(workspace), policies.status));
  });
  return router;
}
