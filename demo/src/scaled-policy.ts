/** A profile with all its times divided by the speed, as the trace's are: what happens stays the same, only sooner. */
import { POLICIES, type Policy, type Profile } from "@restart-coordinator/debounce";
import type { Trace } from "./trace.ts";

export function scaledPolicy(profile: Profile, speed: number): Policy {
  const { cooldownMs, retry, sources } = POLICIES[profile];
  // 0 means "none"; a time that is not 0 must not become it.
  const scale = (ms: number): number => (ms === 0 ? 0 : Math.max(1, Math.round(ms / speed)));
  return {
    cooldownMs: scale(cooldownMs),
    retry: { ...retry, backoffMs: scale(retry.backoffMs), maxBackoffMs: scale(retry.maxBackoffMs) },
    sources: Object.fromEntries(
      Object.entries(sources).map(([name, source]) => [
        name,
        { ...source, windowMs: scale(source.windowMs), maxWaitMs: scale(source.maxWaitMs) },
      ]),
    ),
  };
}

const ABOUT_HALF_A_MINUTE_MS = 25_000;
/** Faster than this, the pauses between writes come near to what a busy machine takes for one. */
const FASTEST_BY_ITSELF = 20;

/** How long it all takes, ms of the trace's time: the last write, its window, the cycle. */
export function expectedMs(trace: Trace, cycleMs: number): number {
  const longestWindow = Math.max(...trace.entries.map(({ source }) => windowOf(source)));
  return trace.durationMs + longestWindow + cycleMs;
}

export function defaultSpeed(trace: Trace, cycleMs: number): number {
  const speed = Math.ceil(expectedMs(trace, cycleMs) / ABOUT_HALF_A_MINUTE_MS);
  return Math.min(Math.max(speed, 1), FASTEST_BY_ITSELF);
}

function windowOf(source: string): number {
  return POLICIES.default.sources[source]?.windowMs ?? 0;
}
