import { setTimeout as sleep } from "node:timers/promises";

/** Undefined when it was not answered in time, or with an error. The answer that comes later is nobody's. */
export function within<Answer>(ms: number, answer: Promise<Answer>): Promise<Answer | undefined> {
  return sooner(
    ms,
    answer.catch(() => undefined),
  );
}

/** The same, but an error that comes in time is thrown. */
export async function sooner<Answer>(ms: number, answer: Promise<Answer>): Promise<Answer | undefined> {
  const patience = new AbortController();
  const giveUp = sleep(ms, undefined, { signal: patience.signal }).catch(() => undefined);
  // One that comes later must not end the process.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, giveUp]);
  } finally {
    patience.abort();
  }
}
