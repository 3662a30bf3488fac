import type { Step } from "./transition-types.ts";

const MOST_STEPS = 50;
const LONGEST_NAME = 64;

/** What an attempt did and how long each step took: a step lasts until the next one, or the end. */
export class StepRecord {
  readonly #startedAt: number;
  readonly #sinceMs: () => number;
  readonly #steps: { name: string; atMs: number }[] = [];

  /** `startedAt` by Redis' clock; the rest is counted from here by this process' own. */
  constructor(startedAt: number) {
    const from = performance.now();
    this.#startedAt = startedAt;
    this.#sinceMs = () => Math.round(performance.now() - from);
  }

  add(name: string): void {
    if (this.#steps.length < MOST_STEPS) this.#steps.push({ name: name.slice(0, LONGEST_NAME), atMs: this.#sinceMs() });
  }

  finish(): Step[] {
    const endMs = this.#sinceMs();
    return this.#steps.map(({ name, atMs }, i) => ({
      name,
      started_at: this.#startedAt + atMs,
      duration_ms: (this.#steps[i + 1]?.atMs ?? endMs) - atMs,
    }));
  }
}
