/** What operators do to one workspace's restarts. */
import { z } from "zod";
import { time } from "../answers.ts";
import { actorOf } from "../context.ts";
import { ofWorkspace, reason, verbBody } from "../input.ts";
import { conflict, unknownWorkspace } from "../problem.ts";
import { type Route, reply, route } from "../route.ts";

const id = z.string();
const verb = { tag: "Restarts", method: "POST", scope: "operate", params: ofWorkspace } as const;

const removing = { 409: "It is being removed" };
const isRemoved = (id: string) => conflict(`workspace ${id} is being removed`, "removed");

const hold = route({
  ...verb,
  id: "hold",
  summary: "Hold restarts back for a while; triggers pile up",
  path: "/workspaces/:id/hold",
  /** A hold always ends: no hold outlives a forgotten operator. An hour by default, a week at most. */
  body: z
    .strictObject({ reason, holdMs: z.number().int().min(1_000).max(604_800_000).default(3_600_000) })
    .prefault({}),
  answers: { 202: { description: "Held", content: z.object({ id, heldUntil: time }) } },
  problems: removing,
  async handle({ coordinator }, { params: { id }, body, caller }) {
    const result = await coordinator.verbs.hold(id, { ...body, actor: actorOf(caller) });
    if (result.kind !== "held") throw result.kind === "unknown" ? unknownWorkspace(id) : isRemoved(id);
    return reply(202, { id, heldUntil: new Date(result.heldUntil).toISOString() });
  },
});

const release = route({
  ...verb,
  id: "release",
  summary: "End a hold",
  path: "/workspaces/:id/release",
  body: verbBody,
  answers: { 202: { description: "Released, or was not held", content: z.object({ id, released: z.boolean() }) } },
  problems: removing,
  async handle({ coordinator }, { params: { id }, caller }) {
    const result = await coordinator.verbs.release(id, { actor: actorOf(caller) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    if (result.kind === "removing") throw isRemoved(id);
    return reply(202, { id, released: result.kind === "released" });
  },
});

const cancel = route({
  ...verb,
  id: "cancel",
  summary: "Drop what is owed; a running cycle is asked to stop at its next safe point",
  path: "/workspaces/:id/cancel",
  body: verbBody,
  answers: {
    202: {
      description: "How many triggers were dropped, and whether a cycle was asked to stop",
      content: z.object({ id, canceled: z.number().int(), stopping: z.boolean(), cycleId: z.string().optional() }),
    },
  },
  problems: removing,
  async handle({ coordinator }, { params: { id }, body: { reason }, caller }) {
    const result = await coordinator.verbs.cancel(id, { reason, actor: actorOf(caller) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    if (result.kind === "removing") throw isRemoved(id);
    const canceled = "triggers" in result ? result.triggers : 0;
    const stopping = result.kind === "stopping";
    // It stops at its next safe point, or ends well: then its end says that the cancel came too late.
    return reply(202, { id, canceled, stopping, ...(stopping && { cycleId: result.cycleId }) });
  },
});

const flush = route({
  ...verb,
  id: "flush",
  summary: "What is owed is due now",
  path: "/workspaces/:id/flush",
  body: verbBody,
  answers: {
    200: { description: "Nothing is owed", content: z.object({ id, flushed: z.literal(false) }) },
    202: { description: "Due now", content: z.object({ id, flushed: z.literal(true) }) },
  },
  problems: { 409: "Held, or it may not be restarted; `rule` says which" },
  async handle({ coordinator }, { params: { id }, caller }) {
    const result = await coordinator.verbs.flush(id, { actor: actorOf(caller) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    const rule = "rule" in result ? result.rule : result.kind === "held" ? "held" : undefined;
    if (rule !== undefined) throw conflict(`workspace ${id} cannot be flushed: ${rule}`, rule);
    if (result.kind === "flushed") return reply(202, { id, flushed: true });
    return reply(200, { id, flushed: false });
  },
});

export const verbRoutes: readonly Route[] = [hold, release, cancel, flush];
