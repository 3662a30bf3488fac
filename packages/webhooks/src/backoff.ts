/** An endpoint may not ask for more, ms. */
const LONGEST_ASKED_MS = 3_600_000;

export interface Pauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * How long to wait after an attempt that was not taken, ms: doubling from the first pause to the longest, with jitter, so
 * that an endpoint that comes back is not met by everybody at once; never less than the endpoint asks for.
 */
export function delayAfter(
  attempts: number,
  { firstMs, longestMs }: Pauses,
  retryAfterMs: number,
  random = Math.random(),
): number {
  const doubled = Math.min(firstMs * 2 ** Math.min(attempts - 1, 40), longestMs);
  const jittered = doubled * (0.75 + random / 2);
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, LONGEST_ASKED_MS)));
}
