import { setTimeout as sleep } from "node:timers/promises";

/** Undefined when it was not answered in time, or with an error. The answer that comes later is nobody's. */
export async function within<Answer>(ms: number, answer: Promise<Answer>): Promise<Answer | undefined> {
  const patience = new AbortController();
  const giveUp = sleep(ms, undefined, { signal: patience.signal }).catch(() => undefined);
  try {
    return await Promise.race([answer.catch(() => undefined), giveUp]);
  } finally {
    patience.abort();
  }
}
