/**
 * What this replica has heard of windows that drop a source's triggers by themselves: there the short script is worth
 * being asked first. Only a guess, which Redis confirms or not; a wrong one costs a round trip. Bounded.
 */
const MOST_KEPT = 10_000;

export class ClaimedWindows {
  /** By workspace and source: the window's end, ms of Redis' clock; negative once the short script had no answer for it. */
  readonly #ends = new Map<string, number>();
  /** Redis' clock less this process' own, as of the last answer, ms. */
  #offset = 0;

  /** `now`: Redis' clock, where it is known. */
  isClaimed(key: string, now: number | undefined): boolean {
    const end = this.#ends.get(key);
    return end !== undefined && end > (now ?? performance.now() + this.#offset);
  }

  /** Redis dropped a trigger by a window that ends then. */
  heard(key: string, end: number, now: number): void {
    this.#offset = now - performance.now();
    const known = this.#ends.get(key);
    if (known === end || known === -end) return;
    // Behind all others: what was heard of longest ago goes first.
    this.#ends.delete(key);
    if (this.#ends.size >= MOST_KEPT) this.#ends.delete(this.#ends.keys().next().value ?? "");
    this.#ends.set(key, end);
  }

  /** The short script could not say: until the next window the long one is asked. */
  missed(key: string): void {
    const end = this.#ends.get(key);
    if (end !== undefined && end > 0) this.#ends.set(key, -end);
  }
}
