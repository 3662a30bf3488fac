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

/** An event as others are told of it: its times are ISO 8601, as everywhere in the HTTP API. */
export interface ToldEvent extends Omit<RestartEvent, "timestamp"> {
  readonly timestamp: string;
}

/** Members of a payload that are a provisioner's own words: they are passed on as they are. */
const OF_PROVISIONERS = new Set(["instance", "instanceBefore", "detail"]);

/** Writes the event's times as ISO 8601. In Redis they are ms of its clock, with which scripts reckon. */
export function toldEvent(event: RestartEvent): ToldEvent {
  const payload = told(event.payload) as Record<string, unknown>;
  return { ...event, timestamp: new Date(event.timestamp).toISOString(), payload };
}

function told(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(told);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (OF_PROVISIONERS.has(name)) return [name, member];
      const isTime = typeof member === "number" && /(At|Until)$/.test(name);
      return [name, isTime ? new Date(member).toISOString() : told(member)];
    }),
  );
}

/** Compares ids of entries of one stream. */
export function isBefore(a: string, b: string): boolean {
  const [aMs = 0n, aSequence = 0n] = a.split("-").map(BigInt);
  const [bMs = 0n, bSequence = 0n] = b.split("-").map(BigInt);
  return aMs < bMs || (aMs === bMs && aSequence < bSequence);
}
