/** Server-sent events, of all workspaces or of one. */
import type { RestartEvent } from "@restart-coordinator/debounce";
import { z } from "zod";
import { assertRegistered } from "../context.ts";
import { parsePosition } from "../events/position.ts";
import { streamEvents } from "../events/stream.ts";
import { eventName, ofWorkspace } from "../input.ts";
import { Problem } from "../problem.ts";
import { type Route, route, SENT } from "../route.ts";

/** `?event=A,B` or `?event=A&event=B`: only those; undefined = all. */
const query = z.object({
  event: z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((names) => names.split(",")))
    .pipe(z.array(eventName))
    .optional()
    .describe("Names of events, separated by commas"),
});
const headers = z.object({
  "Last-Event-ID": z.string().optional().describe("The id of the last message seen: the stream goes on after it"),
});

const stream = {
  tag: "Events",
  description:
    "Each message has the event's name as `event`, its place as `id` and the event (schema Event) as `data`. A `gap` " +
    "message says that what was asked for by Last-Event-ID is gone.",
  method: "GET",
  scope: "read",
  page: true,
  query,
  headers,
  answers: { 200: { description: "Server-sent events, without an end", content: "text/event-stream" } },
} as const;

const allEvents = route({
  ...stream,
  id: "streamEvents",
  summary: "Follow the events of all workspaces",
  path: "/events",
  async handle({ coordinator, feed }, { query, headers, response }) {
    const from = lastSeen(headers, coordinator.installation.keys.shards);
    await streamEvents({ feed, response, wants: wantedBy(query), from, shard: undefined });
    return SENT;
  },
});

const workspaceEvents = route({
  ...stream,
  id: "streamWorkspaceEvents",
  summary: "Follow the events of one workspace",
  path: "/workspaces/:id/events",
  params: ofWorkspace,
  async handle(context, { params: { id }, query, headers, response }) {
    await assertRegistered(context, id);
    const { keys } = context.coordinator.installation;
    const shard = keys.shardOf(id);
    const last = lastSeen(headers, 1)?.[0];
    const from =
      last === undefined ? undefined : Array.from({ length: keys.shards }, (_, n) => (n === shard ? last : "0-0"));
    const isWanted = wantedBy(query);
    const wants = (event: RestartEvent) => event.workspace_id === id && isWanted(event);
    await streamEvents({ feed: context.feed, response, wants, from, shard });
    return SENT;
  },
});

export const eventRoutes: readonly Route[] = [allEvents, workspaceEvents];

function wantedBy({ event: names }: z.output<typeof query>): (event: RestartEvent) => boolean {
  return ({ event: name }) => names === undefined || names.includes(name);
}

function lastSeen(given: z.output<typeof headers>, shards: number): readonly string[] | undefined {
  const id = given["Last-Event-ID"];
  if (id === undefined || id === "") return undefined;
  const position = parsePosition(id, shards);
  if (position === undefined) {
    const detail = `Last-Event-ID: expected an id this stream has sent, got "${id.slice(0, 100)}"`;
    throw new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail });
  }
  return position;
}
