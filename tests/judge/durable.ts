/** Durable: after a calm-down nothing acknowledged is missing, and nothing is left to do. */
import { isOwed } from "./covered.ts";
import type { ClientRequest, Replay, Rules, WorkspaceRecord } from "./evidence.ts";
import { spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

export function judgeAtRest(
  workspace: WorkspaceRecord,
  requests: readonly ClientRequest[],
  rules: Rules,
  endedAt: number,
): Violation[] {
  const { final, id: workspaceId } = workspace;
  const violated = (what: string, ...proof: unknown[]): Violation[] => [
    { promise: "durable", workspaceId, at: endedAt, what, proof },
  ];
  const removedUntil = lastRemoval(requests, rules);
  if (final === undefined) {
    const registered = requests.findLast(({ verb, answer }) => verb === "register" && answer && answer.status < 300);
    if (registered === undefined || registered.sentAt <= removedUntil) return [];
    return violated("it was registered, never removed since, and is not known any more", registered);
  }
  if (final.phase !== "idle") return violated(`it is ${final.phase} after the calm-down`, final);
  if (final.observedGeneration < final.generation) return violated("it is idle and yet owes a restart", final);
  const newest = requests
    .filter((request) => isOwed(request) && request.sentAt > removedUntil)
    .reduce<ClientRequest | undefined>((a, b) => (generationOf(b) > generationOf(a) ? b : a), undefined);
  if (generationOf(newest) > final.generation) {
    return violated("its generation is below one that was acknowledged", newest, final);
  }
  return [];
}

export function foundAgain({ request, triggerIdNow }: Replay): boolean {
  return request.answer?.receipt?.triggerId === triggerIdNow;
}

export function judgeReplays(replays: readonly Replay[], endedAt: number): Violation[] {
  return replays
    .filter((replay) => !foundAgain(replay))
    .map(({ request, triggerIdNow }) => ({
      promise: "durable",
      workspaceId: request.workspaceId,
      at: endedAt,
      what: "an acknowledged trigger, sent again with its key, did not find its first receipt",
      proof: [request, triggerIdNow ?? "no receipt"],
    }));
}

/** Until when a removal can have taken effect; what was acknowledged before it may be forgotten. */
export function lastRemoval(requests: readonly ClientRequest[], rules: Rules): number {
  const removals = requests.filter(({ verb }) => verb === "remove").map((request) => spanOf(request, rules).to);
  return Math.max(Number.NEGATIVE_INFINITY, ...removals);
}

function generationOf(request: ClientRequest | undefined): number {
  return request?.answer?.receipt?.generation ?? Number.NEGATIVE_INFINITY;
}
