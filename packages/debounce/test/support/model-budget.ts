/** What the restarts of the last day have cost, as docs/policies.md says it. */
import type { BudgetPolicy } from "../../src/policy/policy.ts";

const DAY_MS = 86_400_000;

export class ModelBudget {
  readonly #policy: BudgetPolicy;
  #restarts: { at: number; downtimeMs: number }[] = [];
  /** The budget is spent until then, as it was last reckoned. */
  until: number | undefined;

  constructor(policy: BudgetPolicy) {
    this.#policy = policy;
  }

  restart(now: number): void {
    this.#restarts.push({ at: now, downtimeMs: 0 });
    this.reckon(now);
  }

  ended(outcome: string, startedAt: number, now: number): void {
    this.#restarts.pop();
    if (outcome !== "declined") this.#restarts.push({ at: startedAt, downtimeMs: now - startedAt });
    this.reckon(now);
  }

  reckon(now: number): void {
    const left = this.#restarts.filter(({ at }) => at + DAY_MS > now);
    const isSpent = () => {
      const downtimeMs = left.reduce((sum, restart) => sum + restart.downtimeMs, 0);
      const { cycles, downtimeMs: most } = this.#policy;
      return (cycles > 0 && left.length >= cycles) || (most > 0 && downtimeMs >= most);
    };
    this.until = undefined;
    while (left.length > 0 && isSpent()) this.until = (left.shift()?.at ?? 0) + DAY_MS;
  }
}
