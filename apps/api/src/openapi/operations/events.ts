import { eventsHeaders, eventsQuery } from "../../input.ts";
import type { Operation } from "../operation.ts";

const stream = {
  tag: "Events",
  description:
    "Each message has the event's name as `event`, its place as `id` and the event (schema Event) as `data`. A `gap` " +
    "message says that what was asked for by Last-Event-ID is gone.",
  scope: "read",
  page: true,
  query: eventsQuery,
  headers: eventsHeaders,
  answers: { 200: { description: "Server-sent events, without an end", content: "text/event-stream" } },
} as const;

export const EVENT_OPERATIONS: readonly Operation[] = [
  { ...stream, route: "GET /events", id: "streamEvents", summary: "Follow the events of all workspaces" },
  {
    ...stream,
    route: "GET /workspaces/{id}/events",
    id: "streamWorkspaceEvents",
    summary: "Follow the events of one workspace",
  },
];
