/** One reader's server-sent events: first what it has missed, then what happens. */
import type { ServerResponse } from "node:http";
import { isBefore, type RestartEvent } from "@restart-coordinator/debounce";
import { showEvent } from "../representation.ts";
import type { EventFeed } from "./feed.ts";
import { formatPosition, type Position, type StreamedEvent } from "./position.ts";

export interface StreamOptions {
  readonly feed: EventFeed;
  readonly response: ServerResponse;
  /** What the reader wants to see. */
  readonly wants: (event: RestartEvent) => boolean;
  /** Where it left off; undefined = from now on. */
  readonly from: Position | undefined;
  /** The shard whose ids count, when only one workspace is read; undefined = all of them. */
  readonly shard: number | undefined;
}

const HEARTBEAT_MS = 15_000;
/** A reader this far behind is cut off: it can resume with Last-Event-ID. */
const UNSENT_BYTES = 1_048_576;
const HISTORY_PAGE = 500;

/** Writes until the reader goes, falls behind, or this process stops. @throws before the first byte only */
export async function streamEvents({ feed, response, wants, from, shard }: StreamOptions): Promise<void> {
  // A position without the fleet's stream: from now on, as far as that goes.
  const start = [...(from ?? []), ...(await feed.end()).slice(from?.length ?? 0)];
  const position = [...start];
  const deliver = ({ shard: of, id, event }: StreamedEvent): void => {
    if (shard !== undefined && of !== shard) return;
    // History and the live feed overlap: each event is sent once.
    if (!isBefore(position[of] ?? "0-0", id)) return;
    position[of] = id;
    if (wants(event)) send(response, event.event, formatted(position, shard, feed), showEvent(event));
  };
  let waiting: StreamedEvent[] | undefined = [];
  const close = await feed.listen((event) => {
    if (waiting === undefined) deliver(event);
    else waiting.push(event);
  });
  const heartbeat = setInterval(() => write(response, ": still here\n\n"), HEARTBEAT_MS);
  const end = (): void => void response.end();
  const finish = (): void => {
    clearInterval(heartbeat);
    feed.stopping.removeEventListener("abort", end);
    close();
  };
  response.once("close", finish);
  feed.stopping.addEventListener("abort", end);
  if (response.destroyed || feed.stopping.aborted) {
    finish();
    end();
    return;
  }

  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
  });
  write(response, `retry: 1000\nid: ${formatted(position, shard, feed)}\n\n`);
  await replay(feed, start, { shard, deliver, response, position, tellGaps: from !== undefined });
  for (const event of waiting) deliver(event);
  waiting = undefined;
}

async function replay(
  feed: EventFeed,
  from: Position,
  to: {
    shard: number | undefined;
    deliver: (event: StreamedEvent) => void;
    response: ServerResponse;
    position: string[];
    tellGaps: boolean;
  },
): Promise<void> {
  const gaps = to.tellGaps ? await feed.gaps(from) : [];
  for (const [shard, start] of from.entries()) {
    if (to.shard !== undefined && to.shard !== shard) continue;
    if (gaps[shard])
      send(to.response, "gap", formatted(to.position, to.shard, feed), {
        after: start,
        reason: "older events were trimmed",
      });
    let last = start;
    while (!to.response.destroyed) {
      const page = await feed.after(shard, last, HISTORY_PAGE);
      for (const event of page) to.deliver(event);
      last = page.at(-1)?.id ?? last;
      if (page.length < HISTORY_PAGE) break;
    }
  }
}

function formatted(position: Position, shard: number | undefined, { shards }: EventFeed): string {
  return shard === undefined ? formatPosition(position, shards) : (position[shard] ?? "0-0");
}

function send(response: ServerResponse, event: string, id: string, data: unknown): void {
  write(response, `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
}

function write(response: ServerResponse, text: string): void {
  if (response.destroyed) return;
  response.write(text);
  if (response.writableLength > UNSENT_BYTES) response.destroy();
}
