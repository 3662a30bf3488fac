/** Where a reader stands: the last id it has seen of every stream. */
import { parseEventEntry, type RestartEvent } from "@restart-coordinator/debounce";
import type { StreamEntry } from "@restart-coordinator/service";

/** One id per stream: the shards', by their number, and the fleet's last. */
export type Position = readonly string[];

export interface StreamedEvent {
  /** Or the number after the last shard's, for the fleet's stream. */
  readonly shard: number;
  /** The entry's id in its shard's stream. */
  readonly id: string;
  readonly event: RestartEvent;
}

const STREAM_ID = /^\d{1,16}-\d{1,16}$/;

/**
 * Reads `<id>,<id>…/<id>`: the shards' ids, then the fleet's. Without the last one nothing of the fleet is repeated.
 * "elsewhere": a position of an installation with another number of shards. Undefined when the text is no position.
 */
export function parsePosition(text: string, shards: number): Position | "elsewhere" | undefined {
  const [ofShards = "", ...ofFleet] = text.split("/");
  const ids = ofShards.split(",");
  if (ofFleet.length > 1 || ![...ids, ...ofFleet].every((id) => STREAM_ID.test(id))) return undefined;
  return ids.length === shards ? [...ids, ...ofFleet] : "elsewhere";
}

export function formatPosition(position: Position, shards: number): string {
  const ofFleet = position[shards];
  return position.slice(0, shards).join(",") + (ofFleet === undefined ? "" : `/${ofFleet}`);
}

export function parseEntry(shard: number, entry: StreamEntry): StreamedEvent {
  return { shard, id: entry[0], event: parseEventEntry(entry) };
}
