import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import { Batcher } from "../src/batcher.ts";

test("a batch is sent in the context of its first call, so that a trace leads to where it came from", async () => {
  const caller = new AsyncLocalStorage<string>();
  const sent: [by: string | undefined, items: readonly string[]][] = [];
  const batcher = new Batcher<string, string>(async (items) => {
    sent.push([caller.getStore(), items]);
    await new Promise(setImmediate);
    return items;
  }, 2);
  const names = ["a", "b", "c", "d", "e", "f"];
  const got = await Promise.all(
    names.map((name) => caller.run(name, async () => [await batcher.call("key", name), caller.getStore()])),
  );
  expect(got).toEqual(names.map((name) => [name, name]));
  expect(sent).toEqual([
    ["a", ["a"]],
    ["b", ["b", "c"]],
    ["d", ["d", "e"]],
    ["f", ["f"]],
  ]);
});
