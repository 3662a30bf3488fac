/** What people did in the run, and when it can have taken effect. */
import type { ClientRequest, Rules } from "./evidence.ts";

/** From when until when a request can have taken effect. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export function spanOf({ sentAt, answer }: ClientRequest, { lateMs }: Pick<Rules, "lateMs">): Span {
  return { from: sentAt, to: answer?.at ?? sentAt + lateMs };
}

/** Whether the request certainly changed nothing. */
function hadNoEffect({ answer }: ClientRequest): boolean {
  return answer !== undefined && answer.status >= 400;
}

/** A person asked for a start that need not wait for the cooldown. */
export function asksForStart(request: ClientRequest): boolean {
  if (hadNoEffect(request)) return false;
  const { verb, source } = request;
  return (verb === "trigger" && source === "manual") || verb === "flush" || verb === "resume" || verb === "wake";
}

/** A person asked for something that may end a cycle before its time. */
export function mayStopCycle(request: ClientRequest): boolean {
  if (hadNoEffect(request)) return false;
  const { verb, source } = request;
  if (verb === "cancel") return request.answer?.canceled ?? true;
  return ["pause", "resume", "hibernate", "wake", "remove"].includes(verb) || source === "manual";
}

/** A person let triggers go that nothing covered yet. */
export function dropsWhatIsOwed(request: ClientRequest): boolean {
  if (hadNoEffect(request)) return false;
  if (request.verb === "remove") return true;
  return request.verb === "cancel" && (request.answer?.canceled ?? true);
}

/** Any doing of a person that bears on when cycles start: those of this time prove nothing about the policy. */
export function isByPerson({ verb, source }: ClientRequest): boolean {
  return verb === "trigger" ? source === "manual" : verb !== "register";
}

export function meets(span: Span, from: number, to: number): boolean {
  return span.from <= to && span.to >= from;
}
