import { AsyncResource } from "node:async_hooks";

type Send<Item, Result> = (items: readonly Item[], key: string) => Promise<readonly Result[]>;

/**
 * Calls for the same key share a round trip: one is in flight, the others wait and go together in the next one. A call
 * never joins a batch that was already sent, so whatever the caller did before it called has happened before its batch
 * is judged. Nothing is kept for a key that nobody waits for.
 *
 * A herd makes a promise for each of its calls and little else: what a batch needs is made once for all of them.
 */
export class Batcher<Item, Result> {
  readonly #send: Send<Item, Result>;
  readonly #most: number;
  /** For each key with a batch in flight, those that wait behind it. */
  readonly #waiting = new Map<string, Batch<Item, Result>[]>();

  /** `send` gets at most `most` items and answers with one result for each, in their order. */
  constructor(send: Send<Item, Result>, most: number) {
    this.#send = send;
    this.#most = most;
  }

  call(key: string, item: Item): Promise<Result> {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, []);
      return this.#send([item], key).then(
        (results) => {
          this.#next(key);
          return results[0] as Result;
        },
        (error: unknown) => {
          this.#next(key);
          throw error;
        },
      );
    }
    let batch = waiting.at(-1);
    if (batch === undefined || batch.items.length === this.#most) {
      batch = new Batch();
      waiting.push(batch);
    }
    const index = batch.items.push(item) - 1;
    return batch.results.then((results) => results[index] as Result);
  }

  /** After an answer, whatever it is: sends the batch behind. */
  #next(key: string): void {
    const batch = this.#waiting.get(key)?.shift();
    if (batch === undefined) {
      this.#waiting.delete(key);
      return;
    }
    const results = batch.context.runInAsyncScope(this.#send, undefined, batch.items, key);
    const next = () => this.#next(key);
    results.then(next, next);
    batch.settle(results);
  }
}

class Batch<Item, Result> {
  readonly items: Item[] = [];
  /** Sent in the context of its first call, not of the one before it: a trace leads to where it came from. */
  readonly context = new AsyncResource("Batch");
  readonly results: Promise<readonly Result[]>;
  settle: (results: Promise<readonly Result[]>) => void = () => {};

  constructor() {
    this.results = new Promise((resolve) => {
      this.settle = resolve;
    });
  }
}
