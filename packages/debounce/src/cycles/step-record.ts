import type { Step } from "../transitions/types.ts";

const MOST_STEPS = 50;
const LONGEST_NAME = 64;
/** The details of one step, and those of all of them, as JSON. */
const DETAIL_CHARACTERS = 3_072;
const DETAILS_CHARACTERS = 8_192;

/** What an attempt did and how long each step took: a step lasts until the next one, or the end. */
export class StepRecord {
  readonly #startedAt: number;
  readonly #from = performance.now();
  readonly #steps: { name: string; atMs: number; detail: Step["detail"] }[] = [];
  #detailsLeft = DETAILS_CHARACTERS;

  /** `startedAt` by Redis' clock; the rest is counted from here by this process' own. */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  add(name: string, detail: Step["detail"] = {}): void {
    if (this.#steps.length >= MOST_STEPS) return;
    this.#steps.push({ name: name.slice(0, LONGEST_NAME), atMs: this.#sinceMs(), detail: this.#bounded(detail) });
  }

  /** While the attempt goes on: how long the last step takes is not known. */
  soFar(): Step[] {
    return this.#until(undefined);
  }

  finish(): Step[] {
    return this.#until(this.#sinceMs());
  }

  #sinceMs(): number {
    return Math.round(performance.now() - this.#from);
  }

  #until(endMs: number | undefined): Step[] {
    return this.#steps.map(({ name, atMs, detail }, i) => {
      const nextMs = this.#steps[i + 1]?.atMs ?? endMs;
      return {
        name,
        startedAt: this.#startedAt + atMs,
        ...(nextMs !== undefined && { durationMs: nextMs - atMs }),
        ...(detail && { detail }),
      };
    });
  }

  /** A detail that is too long, or no JSON, is left out: the step is not. */
  #bounded(detail: Step["detail"]): Step["detail"] {
    try {
      // Half a character, which JSON.stringify escapes, is refused by Redis' JSON.
      const json = (JSON.stringify(detail) ?? "{}").replace(/\\ud[89a-f][0-9a-f]{2}/g, "\\ufffd");
      if (json === "{}" || json.length > Math.min(DETAIL_CHARACTERS, this.#detailsLeft)) return undefined;
      this.#detailsLeft -= json.length;
      return JSON.parse(json) as Step["detail"];
    } catch {
      return undefined;
    }
  }
}
