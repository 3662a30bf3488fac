const LONGEST_MS = 3_600_000;

/**
 * How long to wait after an attempt that was not taken, ms: doubling from the first pause to an hour, with jitter, so that
 * an endpoint that comes back is not met by everybody at once; never less than the endpoint asks for.
 */
export function delayAfter(attempts: number, firstMs: number, retryAfterMs: number, random = Math.random()): number {
  const doubled = Math.min(firstMs * 2 ** Math.min(attempts - 1, 40), LONGEST_MS);
  const jittered = doubled * (0.75 + random / 2);
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, LONGEST_MS)));
}
