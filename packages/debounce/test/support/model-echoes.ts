/** Which automatic triggers followed each of the last restarts, as docs/policies.md says it. */
import type { LoopPolicy } from "../../src/policy/policy.ts";

export class ModelEchoes {
  readonly #policy: LoopPolicy;
  #restarts = 0;
  #last: number | undefined;
  #endsAt = 0;
  #chains = new Map<string, number[]>();

  constructor(policy: LoopPolicy) {
    this.#policy = policy;
  }

  /** An automatic trigger is owed, and nothing else is; tells whether it closes a loop. */
  hear(source: string, running: boolean, now: number): boolean {
    if (this.#policy.cycles === 0 || this.#last === undefined) return false;
    if (!running && now >= this.#endsAt + this.#policy.withinMs) return false;
    const chain = this.#chains.get(source) ?? [];
    this.#chains.set(source, chain);
    if (chain.at(-1) !== this.#last) chain.push(this.#last);
    return chain.length >= this.#policy.cycles;
  }

  restart(now: number, cooldownMs: number, automatic: boolean): void {
    for (const [source, chain] of this.#chains) {
      if (!automatic || chain.at(-1) !== this.#last) this.#chains.delete(source);
    }
    this.#restarts += 1;
    this.#last = this.#restarts;
    this.#endsAt = now + cooldownMs;
  }

  ended(outcome: string, now: number): void {
    if (outcome === "declined") this.#last = undefined;
    else this.#endsAt = Math.max(this.#endsAt, now);
  }

  forget(): void {
    this.#chains.clear();
  }
}
