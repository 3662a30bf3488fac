/** What operators do to one workspace's restarts. */
import { z } from "zod";
import { hold, time } from "../answers.ts";
import { actorOf } from "../context.ts";
import { ofWorkspace, reason, verbBody } from "../input.ts";
import { conflict, unknownWorkspace } from "../problem.ts";
import { iso, showHold } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";

const id = z.string();
const verb = { tag: "Restarts", method: "POST", scope: "operate", params: ofWorkspace } as const;

const holdName = z
  .string()
  .regex(/^[\w.@:-]{1,200}$/, 'expected 1 to 200 letters, digits or ".", "_", "@", ":", "-"')
  .describe("Names the hold; without, it is the one that has the owner's name");
const remaining = {
  heldUntil: time.nullable().describe("Until when the holds that are left hold restarts back"),
  holds: z.array(hold).describe("Those that are left"),
};

const putHold = route({
  ...verb,
  id: "hold",
  summary: "Hold restarts back for a while; triggers pile up",
  description:
    "A hold is its token's. Those of others stand beside it, and restarts are held until the last one ends. Asked again " +
    "by its owner a hold is set anew, longer or shorter.",
  path: "/workspaces/:id/hold",
  /** A hold always ends: no hold outlives a forgotten operator. An hour by default, a week at most. */
  body: z
    .strictObject({
      reason,
      holdMs: z.number().int().min(1_000).max(604_800_000).default(3_600_000),
      hold: holdName.optional(),
    })
    .prefault({}),
  answers: {
    202: {
      description: "Held",
      content: z.object({ id, hold: z.string(), owner: z.string(), endsAt: time, heldUntil: time }),
    },
  },
  problems: { 409: "The name is that of somebody else's hold (`rule` held), or there are 32 holds" },
  async handle({ coordinator }, { params: { id }, body, caller }) {
    const owner = actorOf(caller);
    const result = await coordinator.verbs.hold(id, { ...body, actor: owner });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    if (result.kind === "taken") {
      throw conflict(`this hold of ${id} is ${result.owner}'s: give yours another name (\`hold\`)`, "held");
    }
    if (result.kind === "too-many") throw conflict(`${id} has ${result.most} holds: release some first`, "held");
    return reply(202, { id, hold: result.hold, owner, endsAt: iso(result.endsAt), heldUntil: iso(result.heldUntil) });
  },
});

const release = route({
  ...verb,
  id: "release",
  summary: "End holds: one's own, a named one, or all",
  path: "/workspaces/:id/release",
  body: z
    .strictObject({ reason, hold: holdName.optional(), all: z.literal(true).optional() })
    .refine(({ hold, all }) => hold === undefined || all === undefined, "expected either hold or all")
    .prefault({}),
  answers: {
    202: {
      description: "Whether any was released, and what still holds restarts back",
      content: z.object({ id, released: z.boolean(), ...remaining }),
    },
  },
  async handle({ coordinator }, { params: { id }, body, caller }) {
    const which = body.all ? "all" : body.hold === undefined ? "own" : { hold: body.hold };
    const result = await coordinator.verbs.release(id, { actor: actorOf(caller), which });
    if (result.kind === "unknown") throw unknownWorkspace(id);
    const left = result.heldUntil === undefined ? undefined : (await coordinator.workspace(id))?.restart;
    const heldUntil = left?.heldUntil === undefined ? null : iso(left.heldUntil);
    const holds = (left?.holds ?? []).map(showHold);
    return reply(202, { id, released: result.kind === "released", heldUntil, holds });
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
  async handle({ coordinator }, { params: { id }, body: { reason }, caller }) {
    const result = await coordinator.verbs.cancel(id, { reason, actor: actorOf(caller) });
    if (result.kind === "unknown") throw unknownWorkspace(id);
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

export const verbRoutes: readonly Route[] = [putHold, release, cancel, flush];
