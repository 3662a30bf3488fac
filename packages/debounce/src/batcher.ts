import { AsyncResource } from "node:async_hooks";

/**
 * Calls for the same key share a round trip: one is in flight, the others wait and go together in the next one. A call
 * never joins a batch that was already sent, so whatever the caller did before it called has happened before its batch
 * is judged. Nothing is kept for a key that nobody waits for.
 */
export class Batcher<Item, Result> {
  readonly #send: (items: readonly Item[], key: string) => Promise<readonly Result[]>;
  readonly #most: number;
  readonly #waiting = new Map<string, Waiting<Item, Result>[]>();

  /** `send` gets at most `most` items and answers with one result for each, in their order. */
  constructor(send: (items: readonly Item[], key: string) => Promise<readonly Result[]>, most: number) {
    this.#send = send;
    this.#most = most;
  }

  call(key: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(key);
      if (queue !== undefined) {
        // A batch is sent in the context of its first call, not of the one before it: a trace leads to where it came from.
        const isFirst = queue.length % this.#most === 0;
        queue.push({ item, resolve, reject, context: isFirst ? new AsyncResource("Batch") : undefined });
        return;
      }
      this.#waiting.set(key, []);
      void this.#drain(key, [{ item, resolve, reject, context: undefined }]);
    });
  }

  async #drain(key: string, first: Waiting<Item, Result>[]): Promise<void> {
    let batch = first;
    while (batch.length > 0) {
      try {
        const items = batch.map(({ item }) => item);
        const context = batch[0]?.context;
        const results = await (context?.runInAsyncScope(this.#send, undefined, items, key) ?? this.#send(items, key));
        for (let i = 0; i < batch.length; i += 1) (batch[i] as Waiting<Item, Result>).resolve(results[i] as Result);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      batch = (this.#waiting.get(key) ?? []).splice(0, this.#most);
    }
    this.#waiting.delete(key);
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  /** Of a call that will be the first of its batch. */
  readonly context: AsyncResource | undefined;
}
