/** So many at a time, each followed by the next as soon as it is answered. */
export async function closedLoop(
  count: number,
  inFlight: number,
  ask: (index: number) => Promise<unknown>,
): Promise<{ perSecond: number }> {
  let next = 0;
  const startedAt = performance.now();
  const one = async (): Promise<void> => {
    while (next < count) await ask(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return { perSecond: (count / (performance.now() - startedAt)) * 1_000 };
}
