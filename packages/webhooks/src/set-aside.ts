/** Events that a receiver did not take although it took others: kept by name, to be looked at and sent again. */
import { parseEventEntry, type RestartEvent } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { Item } from "./event-pages.ts";
import { eventNotice, gapNotice, type Notice } from "./message.ts";

/** As it is kept. */
export interface SetAsideEntry {
  /** The `webhook-id` it was sent with. */
  readonly id: string;
  readonly event: string;
  /** Empty when it is about none. */
  readonly workspaceId: string;
  /** What came of the last attempt. */
  readonly error: string;
}

export interface SetAside extends SetAsideEntry {
  /** ms of Redis' clock. */
  readonly at: number;
}

/** The latest of one webhook; of older ones only the number stays. */
export const MOST_SET_ASIDE = 1_000;

export function entryOf(stream: number, item: Item, error: string): SetAsideEntry {
  const { id, type } = noticeOf(stream, item);
  return { id, event: type, workspaceId: item.kind === "event" ? item.event.workspace_id : "", error };
}

export function noticeOf(stream: number, item: Item): Notice {
  return item.kind === "gap" ? gapNotice(stream, item.after, item.oldest) : eventNotice(stream, item.event);
}

/** What is to be sent again; undefined when the events stream no longer has it. */
export async function noticeBehind(
  redis: Redis | Cluster,
  streams: readonly string[],
  id: string,
): Promise<Notice | undefined> {
  const [kind, stream, entry = ""] = id.split("_");
  const key = streams[Number(stream)];
  if (key === undefined) return undefined;
  const isGap = kind === "gap";
  const found = await redis.xrange(key, isGap ? `(${entry}` : entry, isGap ? "+" : entry, "COUNT", 1);
  const event: RestartEvent | undefined = found.map(parseEventEntry)[0];
  if (event === undefined) return undefined;
  return noticeOf(Number(stream), isGap ? { kind: "gap", after: entry, oldest: event } : { kind: "event", event });
}
