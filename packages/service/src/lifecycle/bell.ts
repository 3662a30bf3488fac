/** A bell wakes who waits. What was rung since a mark was taken is not missed. */
export class Bell {
  #rung = 0;
  readonly #waiting = new Set<() => void>();

  /** The mark is how often it was rung; take it before looking for work. */
  get mark(): number {
    return this.#rung;
  }

  ring(): void {
    this.#rung += 1;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when it was rung after the mark, or after `ms`. */
  async since(mark: number, ms: number): Promise<void> {
    if (this.#rung !== mark) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
    });
  }
}
