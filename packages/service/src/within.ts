/**
 * Resolves or rejects as the answer does, and rejects with what `late` makes when it does not come in time. The answer that
 * comes later is nobody's.
 */
export async function inTime<Answer>(ms: number, answer: Promise<Answer>, late: () => Error): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  return Promise.race([answer, patience]).finally(() => clearTimeout(timer));
}

/** Resolves to undefined when it was not answered in time, or with an error. */
export async function within<Answer>(ms: number, answer: Promise<Answer>): Promise<Answer | undefined> {
  return inTime(ms, answer, () => new Error("late")).catch(() => undefined);
}
