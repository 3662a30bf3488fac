import { Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, assertRegistered, idOf } from "../context.ts";
import { Problem, unknownWorkspace } from "../problem.ts";
import { showPolicy } from "../representation.ts";
import { showShadow } from "../shadow-representation.ts";

export function policyRoutes(context: ApiContext): Router {
  const { coordinator, policies, shadow } = context;
  const router = Router();

  /** The policy of a workspace, value by value, and where each comes from. */
  router.get("/workspaces/:id/policy", allow("read"), async (request, response) => {
    const id = idOf(request);
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    response.json(showPolicy(id, policies.explain(workspace), policies.status));
  });

  /** What a second policy would have done with the same triggers. */
  router.get("/workspaces/:id/policy/shadow", allow("read"), async (request, response) => {
    const id = idOf(request);
    await assertRegistered(context, id);
    if (shadow === undefined) {
      const detail = "no shadow policy is configured: RESTART_SHADOW_PROFILE or RESTART_SHADOW_POLICY_FILE turns it on";
      throw new Problem({ type: "no-shadow", status: 404, title: "No shadow policy", detail });
    }
    response.json(showShadow(id, await shadow.report(id)));
  });
  return router;
}
