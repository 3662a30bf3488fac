/** The events of a shard as its stream holds them. */
import { recordOf } from "@restart-coordinator/redis-scripts";

/** Something that happened, as it is written in the same step as the change it reports. */
export interface RestartEvent {
  /** Of its entry in the shard's stream; rises from event to event. */
  readonly id: string;
  readonly event: string;
  readonly workspace_id: string;
  /** ms of Redis' clock. */
  readonly timestamp: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Reads an entry as Redis gives it. */
export function parseEventEntry([id, flat]: readonly [id: string, fields: readonly string[]]): RestartEvent {
  const fields = recordOf(flat);
  return {
    id,
    event: fields.event ?? "",
    workspace_id: fields.workspace_id ?? "",
    timestamp: Number(fields.timestamp),
    payload: JSON.parse(fields.payload ?? "{}") as Record<string, unknown>,
  };
}

/** Compares ids of entries of one stream. */
export function isBefore(a: string, b: string): boolean {
  const [aMs = 0n, aSequence = 0n] = a.split("-").map(BigInt);
  const [bMs = 0n, bSequence = 0n] = b.split("-").map(BigInt);
  return aMs < bMs || (aMs === bMs && aSequence < bSequence);
}
