/** One reader's server-sent events: first what it has missed, then what happens. */
import type { ServerResponse } from "node:http";
import { isBefore, type RestartEvent, toldEvent } from "@restart-coordinator/debounce";
import type { EventFeed } from "./feed.ts";
import { formatPosition, type Position, type StreamedEvent } from "./position.ts";

export interface StreamOptions {
  readonly feed: EventFeed;
  readonly response: ServerResponse;
  /** What the reader wants to see. */
  readonly wants: (event: RestartEvent) => boolean;
  /** Where it left off; "elsewhere" = nobody can tell; undefined = from now on. */
  readonly from: Position | "elsewhere" | undefined;
  /** The shard whose ids count, when only one workspace is read; undefined = all of them. */
  readonly shard: number | undefined;
}

const HEARTBEAT_MS = 15_000;
/** A reader this far behind is cut off: it can resume with Last-Event-ID. */
const UNSENT_BYTES = 1_048_576;
const HISTORY_PAGE = 500;
/** How soon a browser comes back, ms. */
const RETRY_MS = 1_000;

const HEADERS = { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" };

const REASONS = {
  trimmed: "older events were trimmed",
  ahead: "the events stream ends before this: it was lost, in part or as a whole",
  elsewhere: "the number of shards has changed since",
};

/** Writes until the reader goes, falls behind, or this process stops. @throws before the first byte only */
export async function streamEvents({ feed, response, wants, from, shard }: StreamOptions): Promise<void> {
  if (response.req.method === "HEAD") {
    response.writeHead(200, HEADERS).end();
    return;
  }
  const end = await feed.end();
  const asked = from === "elsewhere" ? undefined : from;
  const gaps = asked === undefined ? [] : await feed.gaps(asked, end);
  // A position without the fleet's stream: from now on, as far as that goes. What lies ahead would hide what comes.
  const start = end.map((last, of) => (gaps[of] === "ahead" ? last : (asked?.[of] ?? last)));
  const position = [...start];
  const whole = (): string =>
    shard === undefined ? formatPosition(position, feed.shards) : (position[shard] ?? "0-0");
  const deliver = ({ shard: of, id, event }: StreamedEvent): void => {
    if (shard !== undefined && of !== shard) return;
    // History and the live feed overlap: each event is sent once.
    if (!isBefore(position[of] ?? "0-0", id)) return;
    position[of] = id;
    if (wants(event)) send(response, event.event, whole(), toldEvent(event));
  };
  let waiting: StreamedEvent[] | undefined = [];
  const close = await feed.listen((event) => {
    if (waiting === undefined) deliver(event);
    else waiting.push(event);
  });
  const heartbeat = setInterval(() => tellPosition(response, whole()), HEARTBEAT_MS);
  const finishStream = (): void => void response.end();
  const finish = (): void => {
    clearInterval(heartbeat);
    feed.stopping.removeEventListener("abort", finishStream);
    close();
  };
  response.once("close", finish);
  feed.stopping.addEventListener("abort", finishStream);
  if (response.destroyed || feed.stopping.aborted) {
    finish();
    finishStream();
    return;
  }

  response.writeHead(200, HEADERS);
  write(response, `retry: ${RETRY_MS}\n`);
  tellPosition(response, whole());
  if (from === "elsewhere") send(response, "gap", whole(), { after: null, reason: REASONS.elsewhere });
  for (const of of start.keys()) {
    if (shard !== undefined && shard !== of) continue;
    const gap = gaps[of];
    if (gap !== undefined) send(response, "gap", whole(), { after: asked?.[of], reason: REASONS[gap] });
    await replay(feed, { shard: of, from: start[of] as string, response, deliver });
  }
  for (const event of waiting) deliver(event);
  waiting = undefined;
}

/**
 * Answers a reader that comes back while nothing can be read. A browser's EventSource gives up for good on anything but an
 * open stream: this one says so and ends, and the reader comes again, with the position it had.
 */
export function tellUnavailable(response: ServerResponse, reason: string): void {
  response.writeHead(200, HEADERS);
  response.end(`retry: ${RETRY_MS}\nevent: unavailable\ndata: ${JSON.stringify({ reason })}\n\n`);
}

async function replay(
  feed: EventFeed,
  of: { shard: number; from: string; response: ServerResponse; deliver: (event: StreamedEvent) => void },
): Promise<void> {
  let last = of.from;
  while (!of.response.destroyed) {
    const page = await feed.after(of.shard, last, HISTORY_PAGE);
    for (const event of page) of.deliver(event);
    last = page.at(-1)?.id ?? last;
    if (page.length < HISTORY_PAGE) break;
  }
}

/**
 * Where the reader stands, which also keeps the connection alive: so that it comes back to the right place although nothing
 * it asked for has happened. With data, for there are readers that know nothing of an id without.
 */
function tellPosition(response: ServerResponse, id: string): void {
  send(response, "position", id, {});
}

function send(response: ServerResponse, event: string, id: string, data: unknown): void {
  write(response, `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
}

function write(response: ServerResponse, text: string): void {
  if (response.destroyed) return;
  response.write(text);
  if (response.writableLength > UNSENT_BYTES) response.destroy();
}
