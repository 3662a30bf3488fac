/**
 * Makes one call out of many. Calls that come within a short time go together; while enough of them are under way, those
 * that come wait for one to end and then go together, so the fewer answers there are, the larger the batches. A caller
 * never joins a call that was already sent.
 */
export interface MergerOptions<Answer> {
  /** How long the first of a batch waits for others, ms. */
  readonly collectMs: number;
  /** Distinct keys in a call. One caller with more of them goes alone. */
  readonly most: number;
  /** Calls under way at once. */
  readonly inFlight: number;
  /** The signal fires once no caller is left. */
  readonly send: (keys: readonly string[], signal: AbortSignal) => Promise<Answer>;
  /** Whether a failed call is made again in halves, down to one caller's: when one bad key may have failed them all. */
  readonly splitOn?: (error: unknown) => boolean;
}

interface Caller<Answer> {
  readonly keys: readonly string[];
  resolve(answer: Answer): void;
  reject(error: unknown): void;
  /** Undefined until its batch is sent. */
  batch: Batch<Answer> | undefined;
}

interface Batch<Answer> {
  readonly callers: Set<Caller<Answer>>;
  readonly abort: AbortController;
}

export class Merger<Answer> {
  readonly #options: MergerOptions<Answer>;
  #waiting: Caller<Answer>[] = [];
  #inFlight = 0;
  #collecting: NodeJS.Timeout | undefined;
  #ripe = false;

  constructor(options: MergerOptions<Answer>) {
    this.#options = options;
  }

  /** Resolves to the answer to the whole batch. Rejects with its error, or with the signal's reason. */
  ask(keys: readonly string[], signal: AbortSignal | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== caller);
        caller.batch?.callers.delete(caller);
        if (caller.batch?.callers.size === 0) caller.batch.abort.abort(signal?.reason);
        reject(signal?.reason);
      };
      const stay = () => signal?.removeEventListener("abort", leave);
      const caller: Caller<Answer> = {
        keys,
        batch: undefined,
        resolve: (answer) => {
          stay();
          resolve(answer);
        },
        reject: (error) => {
          stay();
          reject(error);
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(caller);
      this.#collecting ??= setTimeout(() => {
        this.#collecting = undefined;
        this.#ripe = true;
        this.#flush();
      }, this.#options.collectMs);
    });
  }

  #flush(): void {
    while (this.#ripe && this.#waiting.length > 0 && this.#inFlight < this.#options.inFlight) {
      this.#inFlight += 1;
      void this.#send(this.#nextBatch()).finally(() => {
        this.#inFlight -= 1;
        this.#flush();
      });
    }
    if (this.#waiting.length === 0) this.#ripe = false;
  }

  /** In their order, passing over who does not fit. */
  #nextBatch(): Caller<Answer>[] {
    const keys = new Set<string>();
    const batch: Caller<Answer>[] = [];
    this.#waiting = this.#waiting.filter((caller) => {
      const added = new Set(caller.keys.filter((key) => !keys.has(key)));
      if (batch.length > 0 && keys.size + added.size > this.#options.most) return true;
      for (const key of added) keys.add(key);
      batch.push(caller);
      return false;
    });
    return batch;
  }

  async #send(callers: readonly Caller<Answer>[]): Promise<void> {
    const batch: Batch<Answer> = { callers: new Set(callers), abort: new AbortController() };
    for (const caller of callers) caller.batch = batch;
    try {
      const keys = new Set(callers.flatMap((caller) => caller.keys));
      const answer = await this.#options.send([...keys], batch.abort.signal);
      for (const caller of batch.callers) caller.resolve(answer);
    } catch (error) {
      const left = [...batch.callers];
      if (left.length > 1 && this.#options.splitOn?.(error) === true) {
        const middle = Math.ceil(left.length / 2);
        await this.#send(left.slice(0, middle));
        // Some may have left meanwhile.
        const others = left.slice(middle).filter((caller) => batch.callers.has(caller));
        if (others.length > 0) await this.#send(others);
      } else {
        for (const caller of left) caller.reject(error);
      }
    }
  }
}
