import { expect, it } from "vitest";
import { Lane } from "../../../src/provisioners/ec2/pacing/lane.ts";

const one = { requests: 1, resources: 0 };
const two = { requests: 2, resources: 0 };

/** Reservations are granted by hand, in the order they were asked for. */
function byHand(inFlight?: number) {
  const asked: Array<{ cost: { requests: number }; grant(waitMs?: number): void; refuse(): void }> = [];
  const givenBack: number[] = [];
  const passed: string[] = [];
  const troubles: unknown[] = [];
  const lane = new Lane({
    reserve: (cost) =>
      new Promise((resolve, reject) => {
        const giveBack = async () => void givenBack.push(cost.requests);
        asked.push({
          cost,
          grant: (waitMs = 0) => resolve({ waitMs, giveBack, takers: 1 }),
          refuse: () => reject(new Error("Redis is away")),
        });
      }),
    trouble: (error) => troubles.push(error),
    inFlight: inFlight === undefined ? undefined : () => inFlight,
    retryMs: 1,
  });
  const enter = (name: string, cost = one, signal?: AbortSignal) =>
    lane.pass(cost, signal).then(() => void passed.push(name));
  return { lane, asked, givenBack, passed, troubles, enter };
}

it("lets callers go in their order, with one reservation at a time", async () => {
  const { asked, passed, enter } = byHand();
  const [a, b] = [enter("a"), enter("b")];
  expect(asked).toHaveLength(1);
  asked[0]?.grant();
  await a;
  await expect.poll(() => asked.length).toBe(2);
  expect(passed).toEqual(["a"]);
  asked[1]?.grant(1);
  await b;
  expect(passed).toEqual(["a", "b"]);
});

it("gives the turn of one who left to the next, and back when nobody can use it", async () => {
  const { asked, givenBack, passed, enter } = byHand();
  const leaving = new AbortController();
  const gone = enter("gone", one, leaving.signal);
  const next = enter("next");
  leaving.abort(new Error("lease lost"));
  await expect(gone).rejects.toThrow("lease lost");
  asked[0]?.grant();
  await next;
  expect(passed).toEqual(["next"]);

  const alsoLeaving = new AbortController();
  const alsoGone = enter("also gone", one, alsoLeaving.signal);
  const larger = enter("larger", two);
  alsoLeaving.abort();
  await expect(alsoGone).rejects.toThrow();
  asked[1]?.grant();
  await expect.poll(() => asked.length).toBe(3);
  expect(givenBack).toEqual([1]);
  expect(asked[2]?.cost).toEqual(two);
  asked[2]?.grant();
  await larger;
});

it("does not let somebody in who has left already", async () => {
  const { asked, enter } = byHand();
  await expect(enter("late", one, AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
  expect(asked).toEqual([]);
});

it("asks again for as long as there is no answer", async () => {
  const { asked, troubles, enter } = byHand();
  const waiting = enter("a");
  asked[0]?.refuse();
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.grant();
  await waiting;
  expect(troubles).toHaveLength(1);
});

it("lets no more go than may be under way", async () => {
  const { lane, asked, passed, enter } = byHand(1);
  const [a, b] = [enter("a"), enter("b")];
  asked[0]?.grant();
  await a;
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveLength(1);
  lane.done();
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.grant();
  await b;
  expect(passed).toEqual(["a", "b"]);
});
