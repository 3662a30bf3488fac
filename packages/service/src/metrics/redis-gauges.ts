import type { RestartCoordinator } from "@restart-coordinator/debounce";
import { Gauge, type Registry } from "prom-client";
import type { HintQueues } from "../hint-queue.ts";
import type { RedisWatch } from "../redis/watch.ts";
import { within } from "../within.ts";
import { oldestUntakenMs, type TurnsView } from "./untaken.ts";

/** The side of Redis, which the gauges ask. */
export interface RedisSide {
  readonly redisWatch: RedisWatch;
  readonly coordinator: RestartCoordinator;
  readonly hints: HintQueues;
  readonly turns: TurnsView;
  /** Counts webhooks by how they fare; where it is not asked for, nothing is told of them. */
  readonly webhooks?: () => Promise<Readonly<Record<string, number>>>;
}

/** A scrape does not wait longer for Redis, ms. */
const ANSWER_WITHIN_MS = 1_000;
const JOB_STATES = ["waiting", "active", "delayed", "failed"] as const;

/**
 * The gauges of what only Redis knows, of all processes together: every process exposes the same. They cost a script
 * and a count of jobs a shard, however many workspaces there are.
 */
export class RedisGauges {
  readonly #side: RedisSide;
  readonly #up: Gauge;
  readonly #condition: Gauge<"condition">;
  readonly #workspaces: Gauge<"phase">;
  readonly #oldestDueAge: Gauge;
  readonly #down: Gauge;
  readonly #observationAge: Gauge;
  readonly #jobs: Gauge<"state">;
  readonly #turns: Gauge<"state">;
  readonly #webhooks: Gauge<"status"> | undefined;

  constructor(registry: Registry, side: RedisSide) {
    this.#side = side;
    const registers = [registry];
    this.#up = new Gauge({
      name: "restart_redis_up",
      help: "1 when Redis answered this scrape and would have taken a write.",
      registers,
    });
    this.#condition = new Gauge({
      name: "restart_redis_condition",
      help: "1 for what keeps Redis from taking a write; no sample when nothing does.",
      labelNames: ["condition"],
      registers,
    });
    this.#workspaces = new Gauge({
      name: "restart_workspaces",
      help: "Registered workspaces by the phase of their restart.",
      labelNames: ["phase"],
      registers,
    });
    this.#oldestDueAge = new Gauge({
      name: "restart_oldest_due_age_seconds",
      help: "How long the oldest due workspace has been waiting that has neither a live worker nor a place in the turns.",
      registers,
    });
    this.#down = new Gauge({
      name: "restart_workspaces_down",
      help: "Workspaces that should run and were seen not to.",
      registers,
    });
    this.#observationAge = new Gauge({
      name: "restart_observation_age_seconds",
      help: "How old the oldest look at a workspace may be; no sample where nobody looks.",
      registers,
    });
    this.#turns = new Gauge({
      name: "restart_turns",
      help: "With a cap on running cycles: workspaces that wait for a turn, and those that run in one.",
      labelNames: ["state"],
      registers,
    });
    if (side.webhooks !== undefined) {
      this.#webhooks = new Gauge({
        name: "restart_webhooks",
        help: "Registered webhooks by how they fare.",
        labelNames: ["status"],
        registers,
      });
    }
    this.#jobs = new Gauge({
      name: "restart_queue_jobs",
      help: "Hints in the BullMQ queues.",
      labelNames: ["state"],
      registers,
    });
  }

  /** Asks Redis; never rejects. */
  async refresh(): Promise<void> {
    const { redisWatch } = this.#side;
    const condition = await redisWatch.condition();
    const answer = condition === "away" ? undefined : await within(ANSWER_WITHIN_MS, this.#ask());
    this.#up.set(condition === undefined ? 1 : 0);
    // What was true when Redis last answered would look as if it were true now.
    const gauges = [this.#condition, this.#workspaces, this.#jobs, this.#turns, this.#webhooks];
    for (const gauge of gauges) gauge?.reset();
    for (const gauge of [this.#oldestDueAge, this.#down, this.#observationAge]) gauge.remove();
    if (condition !== undefined) this.#condition.set({ condition }, 1);
    if (answer === undefined) return;
    for (const [phase, count] of Object.entries(answer.phases)) this.#workspaces.set({ phase }, count);
    for (const [state, count] of Object.entries(answer.jobs)) this.#jobs.set({ state }, count);
    for (const [state, count] of Object.entries(answer.turns)) this.#turns.set({ state }, count);
    for (const [status, count] of Object.entries(answer.webhooks ?? {})) this.#webhooks?.set({ status }, count);
    this.#oldestDueAge.set(answer.oldestMs / 1_000);
    this.#down.set(answer.down);
    if (answer.observationAgeMs !== undefined) this.#observationAge.set(answer.observationAgeMs / 1_000);
  }

  async #ask() {
    const { coordinator, hints, turns: view, webhooks: countWebhooks } = this.#side;
    const [{ phases, oldestDueAgeMs, down, observationAgeMs }, jobs, turns, webhooks] = await Promise.all([
      ...([coordinator.census(), hints.countJobs(JOB_STATES), view.count(), countWebhooks?.()] as const),
    ]);
    // A queue that moves is not one that nobody takes from.
    const isLookedAt = turns.waiting > 0 && oldestDueAgeMs > 0;
    const { redis, keys } = coordinator.installation;
    const oldestMs = isLookedAt ? await oldestUntakenMs(redis, keys, view) : oldestDueAgeMs;
    return { phases, jobs, turns, webhooks, oldestMs, down, observationAgeMs };
  }
}
