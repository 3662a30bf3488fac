/**
 * Like an AbortController, but its signal is made when somebody first asks for it. To make signals for every cycle, and to
 * combine them with `AbortSignal.any`, costs more than all else that a short cycle does in its process.
 */
export class LazyAbort {
  #cause: { readonly reason: unknown } | undefined;
  #controller: AbortController | undefined;
  readonly #listeners: ((reason: unknown) => void)[] = [];

  get aborted(): boolean {
    return this.#cause !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cause !== undefined) this.#controller.abort(this.#cause.reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: unknown): void {
    if (this.#cause !== undefined) return;
    this.#cause = { reason };
    this.#controller?.abort(reason);
    for (const listener of this.#listeners.splice(0)) listener(reason);
  }

  throwIfAborted(): void {
    if (this.#cause !== undefined) throw this.#cause.reason;
  }

  /** Aborts when the signal does, until it unfollows it. */
  follow(signal: AbortSignal): void {
    if (signal.aborted) this.abort(signal.reason);
    else signal.addEventListener("abort", this);
  }

  unfollow(signal: AbortSignal): void {
    signal.removeEventListener("abort", this);
  }

  /** Of a signal that it follows. */
  handleEvent({ target }: Event): void {
    this.abort((target as AbortSignal).reason);
  }

  /** Told once; at once if it is too late. */
  onAbort(listener: (reason: unknown) => void): void {
    if (this.#cause === undefined) this.#listeners.push(listener);
    else listener(this.#cause.reason);
  }
}
