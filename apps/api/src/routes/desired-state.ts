/** What a workspace shall be: pause and resume, hibernate and wake. A cycle carries it out. */
import type { Desire, DesireResult } from "@restart-coordinator/debounce";
import { type Request, Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, actorOf, idOf } from "../context.ts";
import { cascadeQuery, noQuery, verbBody } from "../input.ts";
import { conflict, Problem, unknownWorkspace } from "../problem.ts";

interface Verb {
  readonly desired: Desire;
  /** What it must be now. */
  readonly from?: Desire;
  /** It may take descendants along. */
  readonly cascades?: true;
}

const VERBS: Readonly<Record<string, Verb>> = {
  pause: { desired: "paused", cascades: true },
  resume: { desired: "running", from: "paused", cascades: true },
  hibernate: { desired: "hibernated" },
  wake: { desired: "running", from: "hibernated" },
};
const STARTED_BY: Readonly<Partial<Record<Desire, string>>> = { paused: "resume", hibernated: "wake" };

export function desiredStateRoutes(context: ApiContext): Router {
  const { coordinator } = context;
  const router = Router();
  for (const [name, verb] of Object.entries(VERBS)) {
    router.post(`/workspaces/:id/${name}`, allow("operate"), async (request, response) => {
      const id = idOf(request);
      const { reason } = verbBody.parse(request.body) ?? {};
      const cascade = cascadeOf(request, verb);
      const workspace = await coordinator.workspace(id);
      if (workspace === undefined) throw unknownWorkspace(id);
      if (workspace.status === "external")
        throw conflict(`workspace ${id} is external: it is not run from here`, "external");
      if (name === "pause" && !cascade) await assertNoDescendants(context, id);
      const { desired, from } = verb;
      const by = { actor: actorOf(response), reason, from, cascade };
      const result = await coordinator.registry.desire(id, desired, by);
      response.status(202).json(shown(id, desired, result));
    });
  }
  return router;
}

function cascadeOf(request: Request, verb: Verb): boolean {
  if (verb.cascades) return cascadeQuery.parse(request.query).cascade === "true";
  noQuery.parse(request.query);
  return false;
}

/** Stopping a parent under running descendants is to be asked for, not to happen. */
async function assertNoDescendants({ coordinator }: ApiContext, id: string): Promise<void> {
  const { length } = await coordinator.registry.descendants(id);
  if (length === 0) return;
  const them = length === 1 ? "a descendant" : `${length} descendants`;
  const detail = `workspace ${id} has ${them}: POST /workspaces/${id}/pause?cascade=true pauses them along with it`;
  throw conflict(detail, "descendants", { descendants: length });
}

function shown(id: string, desired: Desire, result: DesireResult) {
  if (result.kind === "unknown") throw unknownWorkspace(id);
  if (result.kind === "mismatch") {
    const right = STARTED_BY[result.desired];
    throw conflict(`workspace ${id} is ${result.desired}: POST /workspaces/${id}/${right}`, result.desired);
  }
  if (!("generation" in result)) throw conflict(`workspace ${id} is being removed`, "removed");
  const { generation, waitsFor, descendants } = result;
  const body = { id, desired, generation, changed: result.kind === "accepted", waitsFor, descendants };
  const failed = descendants?.filter(({ kind }) => kind === "failed").length ?? 0;
  if (failed === 0) return body;
  const detail = `${failed} of ${descendants?.length} descendants could not be reached; repeat the request to complete it`;
  throw new Problem(
    { type: "incomplete", status: 503, title: "Not all descendants were reached", detail, ...body },
    { "Retry-After": "1" },
  );
}
