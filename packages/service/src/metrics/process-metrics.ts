import type { ScriptName } from "@restart-coordinator/debounce";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { RedisGauges, type RedisSide } from "./redis-gauges.ts";

/** The metrics as Prometheus reads them. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

const ROUND_TRIP_BUCKETS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * These of prom-client's are of the time since the last scrape, whoever scraped: with two Prometheus servers each sees a
 * part of it, and what neither can know. What is left, `nodejs_eventloop_lag_seconds`, is measured at each scrape.
 */
const WITH_A_WINDOW = ["min", "max", "mean", "stddev", "p50", "p90", "p99"].map(
  (name) => `nodejs_eventloop_lag_${name}_seconds`,
);

/**
 * The metrics that both processes have. docs/metrics.md lists every metric; a test holds it against what is exposed.
 *
 * Every set of labels that can be known is there from the start, at 0: Prometheus sees no increase in a series that
 * begins with what was to be counted, so the first burst after a start would be missing.
 */
export abstract class ProcessMetrics {
  protected readonly registry = new Registry();
  readonly #roundTrips: Histogram<"script">;
  readonly #spansLost: Counter;
  readonly #policyReloads: Counter<"result">;
  readonly #policyInForce: Gauge;
  #gauges: RedisGauges | undefined;

  /** `hotScripts`: those that this process calls all the time. */
  constructor(hotScripts: readonly ScriptName[]) {
    collectDefaultMetrics({ register: this.registry });
    for (const name of WITH_A_WINDOW) this.registry.removeSingleMetric(name);
    this.#roundTrips = new Histogram({
      name: "restart_redis_round_trip_seconds",
      help: "From sending a script to Redis to its answer, replicas that are waited for included.",
      labelNames: ["script"],
      buckets: ROUND_TRIP_BUCKETS,
      registers: [this.registry],
    });
    for (const script of hotScripts) this.#roundTrips.zero({ script });
    this.#spansLost = new Counter({
      name: "restart_trace_spans_lost_total",
      help: "Spans that did not reach the collector.",
      registers: [this.registry],
    });
    this.#policyReloads = new Counter({
      name: "restart_policy_reloads_total",
      help: "How often the policy file was read again.",
      labelNames: ["result"],
      registers: [this.registry],
    });
    for (const result of ["loaded", "rejected"]) this.#policyReloads.inc({ result }, 0);
    this.#policyInForce = new Gauge({
      name: "restart_policy_in_force",
      help: "1 when the policy file that is there is the one in force, 0 when it cannot be used.",
      registers: [this.registry],
    });
    this.#policyInForce.set(1);
  }

  /** Exposes what only Redis knows from now on, too: it is asked for at every scrape, and never in between. */
  watch(side: RedisSide): void {
    this.#gauges = new RedisGauges(this.registry, side);
  }

  /**
   * Reads all metrics. It always answers, within about a second: when Redis does not, what only Redis knows is left
   * out.
   */
  async expose(): Promise<Exposition> {
    await this.#gauges?.refresh();
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }

  /** Counts that the policy file was read again: what it says is in force now, or cannot be used. */
  policyReloaded(isLoaded: boolean): void {
    this.#policyReloads.inc({ result: isLoaded ? "loaded" : "rejected" });
    this.#policyInForce.set(isLoaded ? 1 : 0);
  }

  spansLost(count: number): void {
    this.#spansLost.inc(count);
  }

  protected answered(script: string, tookMs: number): void {
    this.#roundTrips.observe({ script }, tookMs / 1_000);
  }
}
