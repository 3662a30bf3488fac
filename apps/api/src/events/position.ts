/** Where a reader stands: the last id it has seen of every shard's stream. */
import { parseEventEntry, type RestartEvent } from "@restart-coordinator/debounce";

/** One stream id per shard, by shard number. */
export type Position = readonly string[];
export type RawEntry = [id: string, fields: string[]];

export interface StreamedEvent {
  readonly shard: number;
  /** The entry's id in its shard's stream. */
  readonly id: string;
  readonly event: RestartEvent;
}

const STREAM_ID = /^\d{1,16}-\d{1,16}$/;

/** Undefined when the text is no position of an installation with that many shards. */
export function parsePosition(text: string, shards: number): Position | undefined {
  const ids = text.split(",");
  return ids.length === shards && ids.every((id) => STREAM_ID.test(id)) ? ids : undefined;
}

export function formatPosition(position: Position): string {
  return position.join(",");
}

export function parseEntry(shard: number, entry: RawEntry): StreamedEvent {
  return { shard, id: entry[0], event: parseEventEntry(entry) };
}
