/** Server-sent events, of all workspaces or of one. */
import type { ServerResponse } from "node:http";
import { CoordinatorUnavailableError, type RestartEvent } from "@restart-coordinator/debounce";
import { z } from "zod";
import { assertRegistered } from "../context.ts";
import { type Position, parsePosition } from "../events/position.ts";
import { streamEvents, tellUnavailable } from "../events/stream.ts";
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
  after: z
    .string()
    .max(2_000)
    .optional()
    .describe("As Last-Event-ID, which counts before it: for a browser that opens a stream anew"),
});
const headers = z.object({
  "Last-Event-ID": z.string().optional().describe("The id of the last message seen: the stream goes on after it"),
});

const stream = {
  tag: "Events",
  description:
    "Each message has the event's name as `event`, its place as `id` and the event (schema Event) as `data`. Besides, " +
    "`position` says where the reader stands, `gap` that what was asked for by Last-Event-ID is gone in part, and " +
    "`unavailable`, to who comes back, that nothing can be read now: the stream then ends, and is to be opened again.",
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
    const asked = positionIn(query, headers);
    await orUnavailable(asked, response, async () => {
      const from = lastSeen(asked, coordinator.installation.keys.shards);
      await streamEvents({ feed, response, wants: wantedBy(query), from, shard: undefined });
    });
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
    const { keys } = context.coordinator.installation;
    const shard = keys.shardOf(id);
    const isWanted = wantedBy(query);
    const wants = (event: RestartEvent) => event.workspace_id === id && isWanted(event);
    const asked = positionIn(query, headers);
    await orUnavailable(asked, response, async () => {
      await assertRegistered(context, id);
      const last = lastSeen(asked, 1);
      const from =
        last === undefined || last === "elsewhere"
          ? last
          : Array.from({ length: keys.shards }, (_, n) => (n === shard ? (last[0] as string) : "0-0"));
      await streamEvents({ feed: context.feed, response, wants, from, shard });
    });
    return SENT;
  },
});

export const eventRoutes: readonly Route[] = [allEvents, workspaceEvents];

function wantedBy({ event: names }: z.output<typeof query>): (event: RestartEvent) => boolean {
  return ({ event: name }) => names === undefined || names.includes(name);
}

function positionIn({ after }: z.output<typeof query>, given: z.output<typeof headers>): string | undefined {
  return given["Last-Event-ID"] || after || undefined;
}

function lastSeen(id: string | undefined, shards: number): Position | "elsewhere" | undefined {
  if (id === undefined) return undefined;
  const position = parsePosition(id, shards);
  if (position === undefined) {
    const detail = `Last-Event-ID or after: expected an id this stream has sent, got "${id.slice(0, 100)}"`;
    throw new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail });
  }
  return position;
}

/** Who comes back to a stream is not sent away for good because Redis is away. */
async function orUnavailable(
  asked: string | undefined,
  response: ServerResponse,
  open: () => Promise<void>,
): Promise<void> {
  try {
    await open();
  } catch (error) {
    if (!(error instanceof CoordinatorUnavailableError) || asked === undefined || response.headersSent) throw error;
    tellUnavailable(response, "Redis is not available");
  }
}
