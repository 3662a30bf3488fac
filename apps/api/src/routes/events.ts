import type { RestartEvent } from "@restart-coordinator/debounce";
import { type Request, Router } from "express";
import { allow } from "../authentication.ts";
import { type ApiContext, assertRegistered, idOf } from "../context.ts";
import type { EventFeed } from "../events/feed.ts";
import { parsePosition } from "../events/position.ts";
import { streamEvents } from "../events/stream.ts";
import { eventsQuery } from "../input.ts";
import { Problem } from "../problem.ts";

/** Server-sent events, of all workspaces or of one. */
export function eventRoutes(context: ApiContext, feed: EventFeed): Router {
  const { keys } = context.coordinator.installation;
  const router = Router();

  router.get("/events", allow("read"), async (request, response) => {
    const wants = wantedBy(request);
    const from = lastSeen(request, keys.shards);
    await streamEvents({ feed, response, wants, from, shard: undefined });
  });

  router.get("/workspaces/:id/events", allow("read"), async (request, response) => {
    const id = idOf(request);
    await assertRegistered(context, id);
    const shard = keys.shardOf(id);
    const last = lastSeen(request, 1)?.[0];
    const from =
      last === undefined ? undefined : Array.from({ length: keys.shards }, (_, n) => (n === shard ? last : "0-0"));
    const wants = wantedBy(request);
    await streamEvents({ feed, response, wants: (event) => event.workspace_id === id && wants(event), from, shard });
  });
  return router;
}

function wantedBy(request: Request): (event: RestartEvent) => boolean {
  const { event: names } = eventsQuery.parse(request.query);
  return ({ event: name }) => names === undefined || names.includes(name);
}

function lastSeen(request: Request, shards: number): readonly string[] | undefined {
  const given = request.get("last-event-id");
  if (given === undefined || given === "") return undefined;
  const position = parsePosition(given, shards);
  if (position === undefined)
    throw badRequest(`Last-Event-ID: expected an id this stream has sent, got "${given.slice(0, 100)}"`);
  return position;
}

function badRequest(detail: string): Problem {
  return new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail });
}
