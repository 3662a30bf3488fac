import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 10;

/** Looks until there is something to see, and returns it. Fails with `what` if there is nothing for too long. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() - startedAt > withinMs) throw new Error(`expected within ${withinMs} ms: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
