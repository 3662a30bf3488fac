/** Does something with each, so many at a time. Rejects with the first error, once none is under way. */
export async function atMost<Item>(
  most: number,
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const run = async (): Promise<void> => {
    for (const item of rest) await act(item);
  };
  const runs = await Promise.allSettled(Array.from({ length: Math.min(most, items.length) }, run));
  const failed = runs.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
