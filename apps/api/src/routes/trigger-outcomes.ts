/** What became of a trigger, now or once it is settled. */
import {
  outcomeOf,
  PHASES,
  parseTriggerId,
  RULES,
  type TriggerId,
  type TriggerOutcome,
} from "@restart-coordinator/debounce";
import type { Response } from "express";
import { z } from "zod";
import { count, time } from "../answers.ts";
import type { ApiContext } from "../context.ts";
import type { EventFeed } from "../events/feed.ts";
import { ofWorkspace } from "../input.ts";
import { Problem, unknownWorkspace } from "../problem.ts";
import { type Route, reply, route } from "../route.ts";

/** `?wait=30s`, at most a minute; plain numbers are seconds. */
const query = z.object({
  wait: z
    .string()
    .regex(/^\d{1,5}(ms|s)?$/, 'expected a time such as "30s" or "500ms"')
    .transform((text) => Number.parseInt(text, 10) * (text.endsWith("ms") ? 1 : 1_000))
    .refine((ms) => ms <= 60_000, "at most 60s")
    .prefault("0s"),
});

const of = { triggerId: z.string(), workspaceId: z.string() };
const phase: z.ZodType<string> = z.enum(PHASES);
const outcome = z.union([
  z.object({ ...of, status: z.enum(["dropped", "refused"]), rule: z.enum(RULES) }),
  z.object({ ...of, status: z.literal("pending"), phase, dueAt: time.nullable() }),
  z.object({ ...of, status: z.literal("running"), cycleId: z.string(), attempt: count }),
  z.object({ ...of, status: z.literal("done"), cycleId: z.string().optional() }),
  z.object({ ...of, status: z.literal("failed"), error: z.string().optional() }),
  z.object({ ...of, status: z.literal("canceled") }),
]);

const getTrigger = route({
  id: "getTrigger",
  tag: "Restarts",
  summary: "What became of a trigger",
  method: "GET",
  path: "/workspaces/:id/triggers/:triggerId",
  scope: "read",
  params: ofWorkspace.extend({ triggerId: z.string() }),
  query,
  answers: { 200: { description: "Now, or once it is settled", content: outcome } },
  problems: { 404: "Unknown workspace or trigger" },
  async handle(context, { params: { id, triggerId }, query: { wait }, response }) {
    const trigger = parseTriggerId(triggerId);
    if (trigger === undefined) throw unknownTrigger(triggerId);
    const { feed } = context;
    const look = () => find(context, id, trigger, triggerId);
    const found = wait === 0 ? await look() : await waited(feed, id, look, response, wait);
    return reply(200, { triggerId, workspaceId: id, ...shown(found) });
  },
});

export const triggerOutcomeRoutes: readonly Route[] = [getTrigger];

async function find(context: ApiContext, id: string, trigger: TriggerId, triggerId: string): Promise<TriggerOutcome> {
  const { coordinator } = context;
  const workspace = await coordinator.workspace(id);
  if (workspace === undefined) throw unknownWorkspace(id);
  const outcome = outcomeOf(trigger, workspace, await coordinator.activity(id, 200));
  if (outcome === undefined) throw unknownTrigger(triggerId);
  return outcome;
}

/** Waits so long, unless the caller hangs up or this process stops. */
async function waited(
  feed: EventFeed,
  id: string,
  look: () => Promise<TriggerOutcome>,
  response: Response,
  waitMs: number,
): Promise<TriggerOutcome> {
  // One signal and a timer of our own: on Node 20 what AbortSignal.any makes may never fire once the collector has run.
  const over = new AbortController();
  const end = (): void => over.abort();
  const timer = setTimeout(end, waitMs);
  response.once("close", end);
  feed.stopping.addEventListener("abort", end);
  if (feed.stopping.aborted) end();
  try {
    return await settled(feed, id, look, over.signal);
  } finally {
    clearTimeout(timer);
    response.off("close", end);
    feed.stopping.removeEventListener("abort", end);
  }
}

/** Looks again whenever something happened to the workspace, until the trigger is settled or the time is up. */
async function settled(
  feed: EventFeed,
  id: string,
  look: () => Promise<TriggerOutcome>,
  until: AbortSignal,
): Promise<TriggerOutcome> {
  let wake = (): void => {};
  const close = await feed.listen(({ event }) => {
    if (event.workspace_id === id) wake();
  });
  const over = new Promise<void>((resolve) => until.addEventListener("abort", () => resolve(), { once: true }));
  try {
    for (;;) {
      const news = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const outcome = await look();
      const isOpen = outcome.status === "pending" || outcome.status === "running";
      if (!isOpen || until.aborted) return outcome;
      await Promise.race([news, over]);
    }
  } finally {
    close();
  }
}

function shown(outcome: TriggerOutcome) {
  if (outcome.status !== "pending") return outcome;
  return { ...outcome, dueAt: outcome.dueAt === undefined ? null : new Date(outcome.dueAt).toISOString() };
}

function unknownTrigger(triggerId: string): Problem {
  const detail = `no trigger "${triggerId.slice(0, 200)}" is known here: it is another workspace's, or too old`;
  return new Problem({ type: "unknown-trigger", status: 404, title: "Unknown trigger", detail });
}
