/** Workspaces: registered, listed, looked at and removed. */
import { isBefore, PHASES, toldEvent, type WorkspaceState } from "@restart-coordinator/debounce";
import { z } from "zod";
import { event, receipt, time, workspace } from "../answers.ts";
import { assertMay, type Caller, may } from "../authentication.ts";
import { type ApiContext, actorOf, assertRegistered } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { ofWorkspace, oneLine, pageLimit, recordOf, text, workspaceId } from "../input.ts";
import { badFields, conflict, unknownWorkspace } from "../problem.ts";
import { showReceipt, showRestarting, showWorkspace } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";

const one = { tag: "Workspaces", path: "/workspaces/:id", params: ofWorkspace } as const;

const listWorkspaces = route({
  id: "listWorkspaces",
  tag: "Workspaces",
  summary: "List workspaces",
  method: "GET",
  path: "/workspaces",
  scope: "read",
  query: z.object({ cursor: workspaceId.optional(), limit: pageLimit, phase: z.enum(PHASES).optional() }),
  answers: {
    200: {
      description: "A page; `nextCursor` leads on, null at the end",
      content: z.object({ workspaces: z.array(workspace), nextCursor: z.string().nullable() }),
    },
  },
  async handle(context, { query, caller }) {
    const { workspaces, nextCursor = null } = await listPage(context, query);
    return reply(200, { workspaces: workspaces.map((each) => shownTo(caller, each)), nextCursor });
  },
});

const entry = z
  .strictObject({
    name: oneLine(200).nullish(),
    runtime: oneLine(64).nullish(),
    parentId: workspaceId.nullish(),
    tags: recordOf(oneLine(64), text().max(256))
      .refine((tags) => Object.keys(tags).length <= 50, "at most 50 tags")
      .nullish(),
    spec: recordOf(z.string(), z.unknown())
      .refine((spec) => JSON.stringify(spec).length <= 65_536, "at most 64 KiB")
      .nullish(),
  })
  .prefault({});

const putWorkspace = route({
  ...one,
  id: "putWorkspace",
  summary: "Register or update a workspace",
  description:
    "A field that is left out stays as it is; null removes it. `spec` needs the scope admin; changed, it restarts what runs, by the " +
    "policy of the source `spec-change`, unless `restart=false`.",
  method: "PUT",
  scope: "operate",
  query: z.object({ restart: z.enum(["true", "false"]).default("true") }),
  body: entry,
  answers: {
    200: {
      description: "Updated; `receipt` is that of the restart which a changed spec owes",
      content: workspace.extend({ receipt: receipt.nullable() }),
    },
    201: { description: "Registered", content: workspace },
  },
  problems: { 400: "Bad input, an unknown parent or a loop of parents", 409: "It is being removed" },
  async handle(context, input) {
    const { coordinator } = context;
    const { params, query, body, caller } = input;
    const { id } = params;
    // A spec says what a worker executes.
    if (body.spec !== undefined) assertMay(caller, "admin");
    await assertRunnable(context, id, body);
    const asking = { actor: actorOf(caller), restart: query.restart === "true" };
    const { result, receipt } = await coordinator.register(id, body, asking);
    if (result.kind === "unknown-parent" || result.kind === "parent-loop") {
      const message = result.kind === "parent-loop" ? `would make ${id} its own ancestor` : "is not registered";
      throw badFields([{ field: "parentId", message }], `parentId: ${result.parentId} ${message}`);
    }
    if (result.kind === "removing") throw conflict(`workspace ${id} is being removed`, "removed");
    const state = await coordinator.workspace(id);
    if (state === undefined) throw unknownWorkspace(id);
    if (result.kind === "created") return reply(201, shownTo(caller, state));
    if (receipt === undefined) return reply(200, { ...shownTo(caller, state), receipt: null });
    const changed = result.kind === "updated" ? result.drift.join(", ") : "";
    logDecision(input, receipt, { reason: `changed: ${changed}`, actor: asking.actor });
    return reply(200, { ...shownTo(caller, state), receipt: showReceipt(receipt) });
  },
});

const getWorkspace = route({
  ...one,
  id: "getWorkspace",
  summary: "How a workspace stands, what is owed and why",
  method: "GET",
  scope: "read",
  answers: { 200: { description: "The full state", content: workspace } },
  async handle({ coordinator }, { params: { id }, caller }) {
    const state = await coordinator.workspace(id);
    if (state === undefined) throw unknownWorkspace(id);
    return reply(200, shownTo(caller, state));
  },
});

const removeWorkspace = route({
  ...one,
  id: "removeWorkspace",
  summary: "Stop a workspace and forget it",
  description: "`force=true` (scope admin) forgets at once, files included, and leaves what runs to itself.",
  method: "DELETE",
  scope: "operate",
  query: z.object({ force: z.enum(["true", "false"]).default("false") }),
  answers: {
    202: {
      description: "A cycle stops it, then everything is forgotten",
      content: z.object({ id: z.string(), status: z.enum(["removing", "removed"]) }),
    },
  },
  problems: { 409: "It has children" },
  async handle(context, { params: { id }, query, caller }) {
    const { registry } = context.coordinator;
    await assertRegistered(context, id);
    const children = await registry.children(id);
    if (children.length > 0)
      throw conflict(`workspace ${id} has children: ${children.slice(0, 10).join(", ")}`, "children");
    const actor = actorOf(caller);
    if (query.force === "false") {
      await registry.desire(id, "removed", { actor });
      return reply(202, { id, status: "removing" });
    }
    assertMay(caller, "admin");
    // Leaves whatever runs to itself. A write may come between: the files are looked at again once it is forgotten.
    await context.files.removeAll(id);
    await registry.forget(id, { actor });
    await context.files.removeAll(id);
    return reply(202, { id, status: "removed" });
  },
});

const isRestarting = route({
  id: "isRestarting",
  tag: "Workspaces",
  summary: "The gate for probes: whether it is being restarted or cools down",
  method: "GET",
  path: "/workspaces/:id/restarting",
  scope: "read",
  params: ofWorkspace,
  answers: {
    200: {
      description: "The gate",
      content: z.object({
        restarting: z.boolean(),
        cooling: z.boolean(),
        startedAt: time.nullable(),
        cooldownEndsAt: time.nullable(),
      }),
    },
  },
  async handle(context, { params: { id } }) {
    await assertRegistered(context, id);
    return reply(200, showRestarting(await context.coordinator.restarting(id)));
  },
});

const getActivity = route({
  id: "getActivity",
  tag: "Workspaces",
  summary: "What happened to a workspace, newest first",
  method: "GET",
  path: "/workspaces/:id/activity",
  scope: "read",
  params: ofWorkspace,
  query: z.object({
    limit: pageLimit,
    before: z
      .string()
      .regex(/^\d{1,16}-\d{1,16}$/, "expected the id of an event")
      .optional(),
  }),
  answers: {
    200: {
      description: "A page; `nextBefore` leads on, null at the end",
      content: z.object({ activity: z.array(event), nextBefore: z.string().nullable() }),
    },
  },
  async handle(context, { params: { id }, query: { limit, before } }) {
    await assertRegistered(context, id);
    const all = await context.coordinator.activity(id);
    const older = before === undefined ? all : all.filter((event) => isBefore(event.id, before));
    const page = older.slice(0, limit);
    const nextBefore = older.length > page.length ? (page.at(-1)?.id ?? null) : null;
    return reply(200, { activity: page.map(toldEvent), nextBefore });
  },
});

export const workspaceRoutes: readonly Route[] = [
  listWorkspaces,
  putWorkspace,
  getWorkspace,
  removeWorkspace,
  isRestarting,
  getActivity,
];

function shownTo(caller: Caller, state: WorkspaceState) {
  return showWorkspace(state, { withSpec: may(caller, "admin") });
}

/** A spec that no worker could carry out is refused now, not when the first restart is due. @throws Problem 400 */
async function assertRunnable(
  context: ApiContext,
  id: string,
  { runtime, spec }: z.output<typeof entry>,
): Promise<void> {
  if (runtime === "external") return;
  // Not given, it stays what it is; a new workspace has none.
  if (spec === undefined && (await context.coordinator.workspace(id)) !== undefined) return;
  const problems = context.checkSpec(spec ?? {});
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
