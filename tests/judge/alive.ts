/**
 * Alive: a workspace that dies is noticed and back. While much else goes wrong that takes its time, but it comes; with nothing
 * else wrong it is back within the interval of the looks, the window and 5 s, or as long after the cooldown.
 */
import { cyclesOf } from "./cycles.ts";
import type { Evidence, LedgerEntry, WorkspaceRecord } from "./evidence.ts";
import type { Span } from "./persons.ts";
import type { Violation } from "./verdict.ts";

const GRACE_MS = 5_000;

/** From each death until the next attempt: a restart in that time has its cause in it. */
export function deathSpans(effects: readonly LedgerEntry[], deaths: readonly LedgerEntry[]): Span[] {
  return deaths.map(({ at }) => ({ from: at, to: effects.find((effect) => effect.at > at)?.at ?? Infinity }));
}

export function judgeAlive(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  deaths: readonly LedgerEntry[],
  { rules, calmFrom }: Pick<Evidence, "rules" | "calmFrom">,
): Violation[] {
  // One that was removed is not brought back.
  if (workspace.final === undefined) return [];
  const starts = cyclesOf(effects).filter(({ kind }) => kind === "restart");
  return deaths.flatMap((death): Violation[] => {
    const next = effects.find(({ at }) => at >= death.at);
    const wrong = (what: string, at = death.at): Violation[] => [
      { promise: "alive", workspaceId: workspace.id, at, what, proof: [death, next ?? "nothing after it"] },
    ];
    if (next === undefined) return wrong("it died, and nothing was done about it");
    if (death.at < calmFrom) return [];
    const end = effects.find(({ effect, at }) => effect === "end" && at >= death.at);
    if (end === undefined) return wrong("it died, and is not back");
    const startedBefore = starts.filter(({ begin }) => begin.at < death.at).map(({ begin }) => begin.fencingToken);
    const mayStartAt = Math.max(death.at, ...startedBefore.map((token) => token + rules.cooldownMs));
    const withinMs = (rules.sources["liveness-offline"]?.windowMs ?? 0) + rules.observeMs + GRACE_MS;
    if (end.at <= mayStartAt + withinMs) return [];
    return wrong(`it died, and was back after ${end.at - death.at} ms, not within ${withinMs} ms`, end.at);
  });
}
