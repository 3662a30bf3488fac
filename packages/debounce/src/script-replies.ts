/** What the scripts answer, as the library's own objects: flat lists in, names out. */
import type { BegunReply, ShadowReading, WindowFacts, Woken } from "./transition-types.ts";
import type { CoveredSource } from "./why.ts";

/** What `begin` answers when a cycle has begun. */
export function begunOf(reply: readonly unknown[], isReplicated: boolean): BegunReply {
  return {
    kind: "begun",
    how: reply[1] as BegunReply["how"],
    cycleId: String(reply[2]),
    generation: Number(reply[3]),
    attempt: Number(reply[4]),
    fencingToken: Number(reply[5]),
    action: reply[6] as BegunReply["action"],
    startedAt: Number(reply[7]),
    leaseEndsAt: Number(reply[8]),
    askedAt: Number(reply[9]),
    journal: reply[10] === "" ? undefined : String(reply[10]),
    stopAsked: reply[11] === 1,
    now: Number(reply[12]),
    workspace: pairs(reply[13] as string[]),
    covers: listOf(reply[14] as string),
    leftover: reply[15] === "" ? undefined : String(reply[15]),
    trace: reply[16] === "" ? undefined : String(reply[16]),
    isReplicated,
  };
}

export function wokenOf(reply: unknown[]): Woken {
  return {
    dueAt: optionalNumber(reply[1]),
    hintId: reply[2] === "" ? undefined : String(reply[2]),
    now: Number(reply[3]),
  };
}

export function windowOf(reply: readonly unknown[]): WindowFacts | undefined {
  const [claimedAt, windowMs, suppressed, claimed] = reply.slice(12);
  if (claimedAt === "" || claimedAt === undefined) return undefined;
  return {
    claimedAt: Number(claimedAt),
    windowMs: Number(windowMs),
    suppressed: Number(suppressed),
    claimed: Number(claimed) === 1,
  };
}

export function shadowReading(reply: unknown[]): ShadowReading {
  const text = (index: number) => (reply[index] === "" ? undefined : String(reply[index]));
  return {
    version: String(reply[1]),
    record: text(2),
    cycleMs: optionalNumber(reply[3]),
    runtime: text(4),
    tags: JSON.parse(text(5) ?? "{}") as Record<string, string>,
    now: Number(reply[6]),
    realCycles: JSON.parse(String(reply[7])) as Record<string, number>,
  };
}

export function optionalNumber(value: unknown): number | undefined {
  return value === "" ? undefined : Number(value);
}

export function pairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string;
  return fields;
}

/** Lua's JSON encoder writes an empty list as an empty object. */
function listOf(json: string): CoveredSource[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value : [];
}
