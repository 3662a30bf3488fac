import type { BegunReply, EndReply, Observer } from "@restart-coordinator/debounce";
import { Counter, Gauge, Histogram } from "prom-client";
import { ProcessMetrics } from "./process-metrics.ts";

/** From a tenth of a second to half an hour. */
const CYCLE_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1_800];
const TRIGGERS_BUCKETS = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000];
const WEBHOOK_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const EC2_WAIT_BUCKETS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

const ENDS = ["ok", "failed", "declined", "canceled"] as const;
const SEEN = ["online", "unhealthy", "offline", "unknown"] as const;
const WEBHOOK_OUTCOMES = ["taken", "not-taken"] as const;
const ATTEMPT_ENDS = [...ENDS, "handover", "lost"] as const;

type Begun = Pick<BegunReply, "how" | "action" | "covers">;

/** The metrics of a worker count attempts at cycles, each once Redis has taken note of it. */
export class WorkerMetrics extends ProcessMetrics {
  readonly #cycles = this.#counter("restart_cycles_total", "Restart cycles that are over, by outcome.", ["outcome"]);
  readonly #attempts = this.#counter(
    "restart_attempts_total",
    "Attempts at restart cycles that are over, by how they ended.",
    ["result"],
  );
  readonly #stops = this.#counter(
    "restart_stop_attempts_total",
    "Attempts at cycles that stop a workspace (pause, hibernate, DELETE), by how they ended.",
    ["result"],
  );
  readonly #duration = this.#histogram(
    "restart_cycle_duration_seconds",
    "Good restart cycles, from the start of the first attempt to the end.",
    CYCLE_BUCKETS,
  );
  readonly #triggerToStart = this.#histogram(
    "restart_trigger_to_start_seconds",
    "From the first trigger that a restart cycle covers to its start.",
    CYCLE_BUCKETS,
  );
  readonly #triggersPerCycle = this.#histogram(
    "restart_triggers_per_cycle",
    "Triggers that a restart cycle covers, counted when it begins.",
    TRIGGERS_BUCKETS,
  );
  readonly #leasesLost = this.#counter("restart_leases_lost_total", "Leases that went while a worker acted.");
  readonly #fencingRejections = this.#counter(
    "restart_fencing_rejections_total",
    "Writes that Redis refused because their fencing token was not the newest.",
  );
  readonly #stillDeclined = this.#counter(
    "restart_still_declined_total",
    "Workspaces whose restart was declined as often in a row as failures open the breaker.",
  );
  readonly #vanished = this.#counter(
    "restart_states_vanished_total",
    "Workspaces that were due or in a phase, and of which Redis knew nothing any more: what they were owed is lost.",
  );
  readonly #evictedKeys = new Gauge({
    name: "restart_redis_evicted_keys",
    help: "Keys that Redis evicted since it was started, ours or not.",
    registers: [this.registry],
  });
  readonly #sweepHints = this.#counter(
    "restart_sweep_hints_total",
    "Due workspaces without a live worker that the sweep has found and hinted.",
  );
  readonly #clockSteps = this.#counter(
    "restart_clock_steps_total",
    "Steps of Redis' clock that this worker saw, by direction.",
    ["direction"],
  );
  readonly #queueOpened = this.#counter(
    "restart_queue_opened_total",
    "Times that the queue of hints of a shard was paused or throttled from outside, and opened again.",
  );
  readonly #ec2Waits = this.#histogram(
    "restart_ec2_wait_seconds",
    "How long calls to EC2 waited for their turn.",
    EC2_WAIT_BUCKETS,
    ["action"],
  );
  readonly #ec2Throttled = this.#counter(
    "restart_ec2_throttled_total",
    "Calls that EC2 throttled although they had waited for their turn.",
    ["action"],
  );
  readonly #observations = this.#counter("restart_observations_total", "Looks at workspaces, by what was seen.", [
    "seen",
  ]);
  readonly #webhookAttempts = this.#counter(
    "restart_webhook_attempts_total",
    "Attempts to deliver an event to a webhook, by what came of them.",
    ["outcome"],
  );
  readonly #webhookSetAside = this.#counter(
    "restart_webhook_set_aside_total",
    "Events that a webhook did not take although it took others.",
  );
  readonly #webhookDuration = this.#histogram(
    "restart_webhook_duration_seconds",
    "How long webhooks took to answer, or not to.",
    WEBHOOK_BUCKETS,
  );

  /** This is for the coordinator's worker side. */
  readonly observer: Observer = {
    answered: (script, tookMs) => this.answered(script, tookMs),
    fenced: () => this.#fencingRejections.inc(),
  };

  constructor() {
    super(["begin", "renew", "journal", "end", "sweep"]);
    for (const outcome of ENDS) this.#cycles.inc({ outcome }, 0);
    for (const seen of SEEN) this.#observations.inc({ seen }, 0);
    for (const outcome of WEBHOOK_OUTCOMES) this.#webhookAttempts.inc({ outcome }, 0);
    for (const direction of ["back", "forward"]) this.#clockSteps.inc({ direction }, 0);
    for (const result of ATTEMPT_ENDS) {
      this.#attempts.inc({ result }, 0);
      if (result !== "declined") this.#stops.inc({ result }, 0);
    }
  }

  /** `waitedMs`: from when it was asked for to its start. */
  attemptBegan({ how, action, covers }: Begun, waitedMs: number): void {
    if (how !== "new" || action !== "restart") return;
    this.#triggerToStart.observe(Math.max(0, waitedMs) / 1_000);
    this.#triggersPerCycle.observe(covers.reduce((sum, { count }) => sum + count, 0));
  }

  /** Counts an attempt whose end Redis has taken. */
  attemptEnded({ action }: Pick<Begun, "action">, ended: EndReply & { readonly kind: "ended" }): void {
    const { what, durationMs, stillDeclined } = ended;
    if (stillDeclined) this.#stillDeclined.inc();
    const outcome = what === "retry" ? "failed" : what === "removed" ? "ok" : what;
    if (action !== "restart") {
      this.#stops.inc({ result: outcome });
      return;
    }
    this.#attempts.inc({ result: outcome });
    // The cycle goes on.
    if (what === "retry" || what === "handover") return;
    this.#cycles.inc({ outcome });
    if (what === "ok") this.#duration.observe(durationMs / 1_000);
  }

  leaseLost({ action }: Pick<Begun, "action">): void {
    this.#leasesLost.inc();
    (action === "restart" ? this.#attempts : this.#stops).inc({ result: "lost" });
  }

  stateVanished(): void {
    this.#vanished.inc();
  }

  keysEvicted(sinceItsStart: number): void {
    this.#evictedKeys.set(sinceItsStart);
  }

  sweepHinted(): void {
    this.#sweepHints.inc();
  }

  observed(seen: (typeof SEEN)[number]): void {
    this.#observations.inc({ seen });
  }

  clockStepped(direction: "back" | "forward"): void {
    this.#clockSteps.inc({ direction });
  }

  queueOpened(): void {
    this.#queueOpened.inc();
  }

  /** Takes note of the calls to EC2 that there are. */
  knowEc2Actions(actions: readonly string[]): void {
    for (const action of actions) {
      this.#ec2Waits.zero({ action });
      this.#ec2Throttled.inc({ action }, 0);
    }
  }

  ec2Waited(action: string, waitMs: number): void {
    this.#ec2Waits.observe({ action }, waitMs / 1_000);
  }

  ec2Throttled(action: string): void {
    this.#ec2Throttled.inc({ action });
  }

  webhookAttempted(attempt: { outcome: (typeof WEBHOOK_OUTCOMES)[number]; tookMs: number }): void {
    this.#webhookAttempts.inc({ outcome: attempt.outcome });
    this.#webhookDuration.observe(attempt.tookMs / 1_000);
  }

  webhookSetAside(count: number): void {
    this.#webhookSetAside.inc(count);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
