import { expect, it } from "vitest";
import { Merger, type MergerOptions } from "../../../src/provisioners/ec2/pacing/merger.ts";

interface Sent {
  readonly keys: readonly string[];
  readonly signal: AbortSignal;
  answer(text: string): void;
  fail(error: Error): void;
}

function merger(given: Partial<MergerOptions<string>> = {}) {
  const sent: Sent[] = [];
  const options: MergerOptions<string> = {
    collectMs: 0,
    most: 3,
    inFlight: 1,
    send: (keys, signal) => new Promise((answer, fail) => sent.push({ keys, signal, answer, fail })),
    ...given,
  };
  const merged = new Merger(options);
  const sentCall = async (index: number): Promise<Sent> => {
    await expect.poll(() => sent.length).toBeGreaterThan(index);
    return sent[index] as Sent;
  };
  return { ask: (keys: string[], signal?: AbortSignal) => merged.ask(keys, signal), sent, sentCall };
}

it("sends together what comes together, each key once, and the rest when that is answered", async () => {
  const { ask, sent, sentCall } = merger();
  const asked = [ask(["a"]), ask(["a", "b"]), ask(["c", "d"]), ask(["e"])];
  const first = await sentCall(0);
  expect(first.keys).toEqual(["a", "b", "e"]);
  const late = ask(["a"]);
  first.answer("one");
  expect((await sentCall(1)).keys).toEqual(["c", "d", "a"]);
  sent[1]?.answer("two");
  expect(await Promise.all([...asked, late])).toEqual(["one", "one", "two", "one", "two"]);
});

it("is not disturbed by one who leaves, and ends the call when all have left", async () => {
  const { ask, sentCall } = merger();
  const [early, late, last] = [new AbortController(), new AbortController(), new AbortController()];
  const gone = ask(["x"], early.signal);
  const others = [ask(["a"], late.signal), ask(["b"], last.signal)];
  early.abort(new Error("early"));
  await expect(gone).rejects.toThrow("early");
  const call = await sentCall(0);
  expect(call.keys).toEqual(["a", "b"]);
  late.abort(new Error("late"));
  await expect(others[0]).rejects.toThrow("late");
  expect(call.signal.aborted).toBe(false);
  last.abort(new Error("last"));
  await expect(others[1]).rejects.toThrow("last");
  expect(call.signal.aborted).toBe(true);
});

it("goes on with halves, down to one by one, when one key is bad for all", async () => {
  const calls: string[] = [];
  const { ask } = merger({
    most: 10,
    splitOn: (error) => (error as Error).message === "bad key",
    send: async (keys) => {
      calls.push(keys.join(""));
      if (keys.includes("x")) throw new Error("bad key");
      return "done";
    },
  });
  const settled = await Promise.allSettled(["a", "b", "x", "c"].map((key) => ask([key])));
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  expect(calls).toEqual(["abxc", "ab", "xc", "x", "c"]);
});

it("tells everybody an error that is nobody's fault", async () => {
  const { ask, sentCall } = merger({ splitOn: () => false });
  const asked = [ask(["a"]), ask(["b"])];
  const settled = Promise.allSettled(asked);
  (await sentCall(0)).fail(new Error("throttled"));
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
