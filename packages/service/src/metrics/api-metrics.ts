import {
  DECISIONS,
  type JudgedTriggers,
  type Observer,
  RULES_OF,
  type ShadowOptions,
} from "@restart-coordinator/debounce";
import { Counter } from "prom-client";
import { ProcessMetrics } from "./process-metrics.ts";

/** The metrics of an API count decisions, each once Redis has made it. */
export class ApiMetrics extends ProcessMetrics {
  readonly #triggers = new Counter({
    name: "restart_triggers_total",
    help: "Triggers judged, every one of a batch counted. Sources are those of the policy.",
    labelNames: ["source", "decision", "rule"],
    registers: [this.registry],
  });
  readonly #cycles = new Counter({
    name: "restart_cycles_total",
    help: "Restart cycles that are over, by outcome. The API knows those that end without a worker.",
    labelNames: ["outcome"],
    registers: [this.registry],
  });

  readonly #compared = new Counter({
    name: "restart_shadow_triggers_total",
    help: "Triggers that the shadow policy judged, too: what the active one decided, and what it would have.",
    labelNames: ["source", "active", "shadow"],
    registers: [this.registry],
  });
  readonly #shadowCycles = new Counter({
    name: "restart_shadow_cycles_total",
    help: "Cycles that the shadow policy would have started.",
    registers: [this.registry],
  });
  readonly #skipped = new Counter({
    name: "restart_shadow_skipped_total",
    help: "Triggers that the shadow policy did not see: too many at once, Redis away, a source it does not know.",
    registers: [this.registry],
  });

  /** These are for the shadow policy. */
  readonly shadow: Required<Pick<ShadowOptions, "onCompared" | "onCycles" | "onSkipped">> = {
    onCompared: (compared) => this.#compared.inc({ ...compared }),
    onCycles: (count) => this.#shadowCycles.inc(count),
    onSkipped: (count) => this.#skipped.inc(count),
  };

  /** This is for the coordinator. */
  readonly observer: Observer = {
    answered: (script, tookMs) => this.answered(script, tookMs),
    judged: (judged) => this.#judged(judged),
    ended: (outcome) => this.#cycles.inc({ outcome }),
  };

  readonly #hasShadow: boolean;

  constructor({ hasShadow = false }: { readonly hasShadow?: boolean } = {}) {
    super(["trigger"]);
    this.#hasShadow = hasShadow;
    for (const outcome of ["superseded", "canceled"]) this.#cycles.inc({ outcome }, 0);
  }

  /** Takes note of the sources that a trigger may name: at the start, and whenever a new policy file may bring more. */
  knowSources(sources: readonly string[]): void {
    for (const source of sources) {
      for (const [decision, rules] of Object.entries(RULES_OF)) {
        for (const rule of rules) this.#triggers.inc({ source, decision, rule }, 0);
      }
      if (!this.#hasShadow) continue;
      for (const active of DECISIONS) {
        for (const shadow of DECISIONS) this.#compared.inc({ source, active, shadow }, 0);
      }
    }
  }

  #judged({ source, count, first, rest }: JudgedTriggers): void {
    this.#triggers.inc({ source, decision: first.decision, rule: first.rule });
    if (count > 1) this.#triggers.inc({ source, decision: rest.decision, rule: rest.rule }, count - 1);
  }
}
