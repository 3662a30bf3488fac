import type { ScriptReply } from "@restart-coordinator/redis-scripts";
import type { Woken } from "./types.ts";

/** A wake-up: "look at this workspace at that time". */
export interface Hint {
  readonly workspaceId: string;
  /** ms of Redis' clock. */
  readonly dueAt: number;
  /** How long until then, ms, by Redis' clock; 0 = now. */
  readonly delayMs: number;
  /** Unique per workspace: two hints with one id are the same hint. */
  readonly hintId: string;
}

/** The hint that a transition asks for; undefined where nobody need be told. */
export function hintOf(workspaceId: string, { dueAt, hintId, now }: Woken): Hint | undefined {
  if (dueAt === undefined || hintId === undefined) return undefined;
  return { workspaceId, dueAt, delayMs: Math.max(0, dueAt - now), hintId };
}

/** As the scripts' `woken` tells it. */
export function wokenOf(reply: ScriptReply): Woken {
  const [dueAt, hintId] = [reply.optionalNumber("dueAt"), reply.optionalText("hintId")];
  return { dueAt, hintId, now: reply.number("now") };
}
