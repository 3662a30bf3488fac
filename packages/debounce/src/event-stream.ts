/** The events of a shard as its stream holds them. */
import type { RestartEvent } from "./coordinator.ts";

/** Reads an entry as Redis gives it. */
export function parseEventEntry([id, flat]: readonly [id: string, fields: readonly string[]]): RestartEvent {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
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
