/** What a workspace shall be: pause and resume, hibernate and wake. A cycle carries it out. */
import { DESIRES, type Desire, type DesireResult, RULES } from "@restart-coordinator/debounce";
import { z } from "zod";
import { generation } from "../answers.ts";
import { type ApiContext, actorOf } from "../context.ts";
import { ofWorkspace, verbBody } from "../input.ts";
import { conflict, Problem, unknownWorkspace } from "../problem.ts";
import { type Route, reply, route } from "../route.ts";

interface Verb {
  readonly summary: string;
  readonly desired: Desire;
  /** What it must be now. */
  readonly from?: Desire;
  /** It may take descendants along. */
  readonly cascades?: true;
}

const VERBS: Readonly<Record<string, Verb>> = {
  pause: { summary: "Stop a workspace and refuse restarts until it is resumed", desired: "paused", cascades: true },
  resume: { summary: "Start a paused workspace", desired: "running", from: "paused", cascades: true },
  hibernate: { summary: "Stop a workspace until it is woken", desired: "hibernated" },
  wake: { summary: "Start a hibernated workspace", desired: "running", from: "hibernated" },
};
const STARTED_BY: Readonly<Partial<Record<Desire, string>>> = { paused: "resume", hibernated: "wake" };

/** `?cascade=true` takes descendants along. */
const cascadeQuery = z.strictObject({ cascade: z.enum(["true", "false"]).default("false") });
const noQuery = z.strictObject({});

const desiredState = z.object({
  id: z.string(),
  desired: z.enum(DESIRES),
  generation,
  changed: z.boolean().describe("False when it was so already"),
  waitsFor: z.enum(RULES).optional().describe("What keeps a start waiting: it begins by itself once that is over"),
  descendants: z
    .array(z.object({ id: z.string(), kind: z.enum(["accepted", "unchanged", "unknown", "removing", "failed"]) }))
    .optional()
    .describe("With `cascade`: what became of each"),
});

function desiring(name: string, { summary, desired, from, cascades }: Verb): Route {
  return route({
    id: `${name}Workspace`,
    tag: "Workspaces",
    summary,
    ...(cascades && {
      description: "`cascade=true` takes descendants along; a resume brings back those that this pause took.",
    }),
    method: "POST",
    path: `/workspaces/:id/${name}`,
    scope: "operate",
    params: ofWorkspace,
    query: cascades ? cascadeQuery : noQuery,
    body: verbBody,
    answers: { 202: { description: "A cycle carries it out", content: desiredState } },
    problems: {
      409: "External, being removed, not what the verb ends, or a pause of what has descendants; `rule` says which",
    },
    async handle(context, { params: { id }, query, body: { reason }, caller }) {
      const cascade = "cascade" in query && query.cascade === "true";
      const workspace = await context.coordinator.workspace(id);
      if (workspace === undefined) throw unknownWorkspace(id);
      if (workspace.status === "external")
        throw conflict(`workspace ${id} is external: it is not run from here`, "external");
      if (name === "pause" && !cascade) await assertNoDescendants(context, id);
      const by = { actor: actorOf(caller), reason, from, cascade };
      const result = await context.coordinator.registry.desire(id, desired, by);
      return reply(202, shown(id, desired, result));
    },
  });
}

export const desiredStateRoutes: readonly Route[] = Object.entries(VERBS).map(([name, verb]) => desiring(name, verb));

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
