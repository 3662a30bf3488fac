import { outcomeOf, parseTriggerId, type TriggerId, type TriggerOutcome } from "@restart-coordinator/debounce";
import { Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, idOf } from "../context.ts";
import type { EventFeed } from "../events/feed.ts";
import { outcomeQuery } from "../input.ts";
import { Problem, unknownWorkspace } from "../problem.ts";

/** What became of a trigger, now or once it is settled. */
export function triggerOutcomeRoutes(context: ApiContext, feed: EventFeed): Router {
  const router = Router();

  router.get("/workspaces/:id/triggers/:triggerId", allow("read"), async (request, response) => {
    const id = idOf(request);
    const { wait } = outcomeQuery.parse(request.query);
    const triggerId = String(request.params.triggerId);
    const trigger = parseTriggerId(triggerId);
    if (trigger === undefined) throw unknownTrigger(triggerId);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const look = () => find(context, id, trigger, triggerId);
    const outcome =
      wait === 0
        ? await look()
        : await settled(feed, id, look, AbortSignal.any([gone.signal, AbortSignal.timeout(wait), feed.stopping]));
    response.json({ triggerId, workspaceId: id, ...shown(outcome) });
  });
  return router;
}

async function find(context: ApiContext, id: string, trigger: TriggerId, triggerId: string): Promise<TriggerOutcome> {
  const { coordinator } = context;
  const workspace = await coordinator.workspace(id);
  if (workspace === undefined) throw unknownWorkspace(id);
  const outcome = outcomeOf(trigger, workspace, await coordinator.activity(id, 200));
  if (outcome === undefined) throw unknownTrigger(triggerId);
  return outcome;
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
