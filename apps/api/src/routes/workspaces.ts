import { isBefore, type WorkspaceState } from "@restart-coordinator/debounce";
import { type Response, Router } from "express";
import type { z } from "zod";
import { allow, assertMay, may } from "../authentication.ts";
import { type ApiContext, actorOf, assertRegistered, idOf } from "../context.ts";
import { activityQuery, listQuery, removeQuery, workspaceBody } from "../input.ts";
import { badFields, conflict, Problem, unknownWorkspace } from "../problem.ts";
import { showEvent, showRestarting, showWorkspace } from "../representation.ts";

export function workspaceRoutes(context: ApiContext): Router {
  const { coordinator } = context;
  const { registry } = coordinator;
  const router = Router();

  router.get("/workspaces", allow("read"), async (request, response) => {
    const query = listQuery.parse(request.query);
    const page = await listPage(context, query);
    response.json({
      workspaces: page.workspaces.map((workspace) => show(workspace, response)),
      nextCursor: page.nextCursor ?? null,
    });
  });

  router.put("/workspaces/:id", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const entry = workspaceBody.parse(request.body ?? {});
    // A spec says what a worker executes.
    if (entry.spec !== undefined) assertMay(response.locals.caller, "admin");
    await assertRunnable(context, id, entry);
    const result = await registry.register(id, entry);
    if (result.kind === "unknown-parent" || result.kind === "parent-loop") {
      const what = result.kind === "parent-loop" ? `would make ${id} its own ancestor` : "is not registered";
      const fields = [{ field: "parentId", message: what }];
      throw new Problem({
        type: "invalid-input",
        status: 400,
        title: "Invalid input",
        detail: `parentId: ${result.parentId} ${what}`,
        fields,
      });
    }
    if (result.kind === "removing") throw conflict(`workspace ${id} is being removed`, "removed");
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    response.status(result.kind === "created" ? 201 : 200).json(show(workspace, response));
  });

  router.get("/workspaces/:id", allow("read"), async (request, response) => {
    const id = idOf(request);
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    response.json(show(workspace, response));
  });

  router.delete("/workspaces/:id", allow("operate"), async (request, response) => {
    const id = idOf(request);
    const force = removeQuery.parse(request.query).force === "true";
    await assertRegistered(context, id);
    const children = await registry.children(id);
    if (children.length > 0)
      throw conflict(`workspace ${id} has children: ${children.slice(0, 10).join(", ")}`, "children");
    const actor = actorOf(response);
    if (force) {
      // Leaves whatever runs to itself. A write may come between: the files are looked at again once it is forgotten.
      assertMay(response.locals.caller, "admin");
      await context.files.removeAll(id);
      await registry.forget(id, { actor });
      await context.files.removeAll(id);
    } else {
      await registry.desire(id, "removed", { actor });
    }
    response.status(202).json({ id, status: force ? "removed" : "removing" });
  });

  router.get("/workspaces/:id/restarting", allow("read"), async (request, response) => {
    const id = idOf(request);
    await assertRegistered(context, id);
    response.json(showRestarting(await coordinator.restarting(id)));
  });

  router.get("/workspaces/:id/activity", allow("read"), async (request, response) => {
    const id = idOf(request);
    const { limit, before } = activityQuery.parse(request.query);
    await assertRegistered(context, id);
    const all = await coordinator.activity(id);
    const older = before === undefined ? all : all.filter((event) => isBefore(event.id, before));
    const page = older.slice(0, limit);
    const nextBefore = older.length > page.length ? (page.at(-1)?.id ?? null) : null;
    response.json({ activity: page.map(showEvent), nextBefore });
  });

  return router;
}

function show(workspace: WorkspaceState, response: Response) {
  return showWorkspace(workspace, { withSpec: may(response.locals.caller, "admin") });
}

/** A spec that no worker could carry out is refused now, not when the first restart is due. @throws Problem 400 */
async function assertRunnable(context: ApiContext, id: string, entry: z.infer<typeof workspaceBody>): Promise<void> {
  if (entry.runtime === "external") return;
  // Not given, it stays what it is; a new workspace has none.
  if (entry.spec === undefined && (await context.coordinator.workspace(id)) !== undefined) return;
  const problems = context.checkSpec(entry.spec ?? {});
  if (problems.length > 0) throw badFields(problems);
}

const PAGES_LOOKED_AT = 20;

/** With a phase, looks on until the page is full or so much was looked at: the cursor then leads on from there. */
async function listPage(
  { coordinator }: ApiContext,
  query: { cursor?: string | undefined; limit: number; phase?: string | undefined },
) {
  const { limit, phase } = query;
  if (phase === undefined) return coordinator.registry.list({ cursor: query.cursor, limit });
  const found = [];
  let cursor = query.cursor;
  for (let looked = 0; looked < PAGES_LOOKED_AT; looked += 1) {
    const page = await coordinator.registry.list({ cursor, limit });
    for (const workspace of page.workspaces) {
      if (workspace.restart.phase === phase) found.push(workspace);
      if (found.length === limit && workspace !== page.workspaces.at(-1))
        return { workspaces: found, nextCursor: workspace.id };
    }
    cursor = page.nextCursor;
    if (cursor === undefined || found.length === limit) break;
  }
  return { workspaces: found, nextCursor: cursor };
}
