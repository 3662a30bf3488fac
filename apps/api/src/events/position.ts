/** Where a reader stands: the last id it has seen of every shard's stream. */
import type { RestartEvent } from "@restart-coordinator/debounce";

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

export function parseEntry(shard: number, [id, flat]: RawEntry): StreamedEvent {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
  return {
    shard,
    id,
    event: {
      id,
      event: fields.event ?? "",
      workspace_id: fields.workspace_id ?? "",
      timestamp: Number(fields.timestamp),
      payload: JSON.parse(fields.payload ?? "{}") as Record<string, unknown>,
    },
  };
}
