import type { RestartCoordinator } from "@restart-coordinator/debounce";
import { Gauge, type Registry } from "prom-client";
import type { HintQueues } from "../hint-queue.ts";
import type { RedisWatch } from "../redis/watch.ts";
import { within } from "../within.ts";

/** The side of Redis, which the gauges ask. */
export interface RedisSide {
  readonly redisWatch: RedisWatch;
  readonly coordinator: RestartCoordinator;
  readonly hints: HintQueues;
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
  readonly #jobs: Gauge<"state">;

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
      help: "How long the oldest due workspace without a live worker has been waiting.",
      registers,
    });
    this.#jobs = new Gauge({
      name: "restart_queue_jobs",
      help: "Hints in the BullMQ queues.",
      labelNames: ["state"],
      registers,
    });
  }

  /** Asks Redis; never rejects. */
  async refresh(): Promise<void> {
    const { redisWatch, coordinator, hints } = this.#side;
    const condition = await redisWatch.condition();
    this.#up.set(condition === undefined ? 1 : 0);
    this.#condition.reset();
    if (condition !== undefined) this.#condition.set({ condition }, 1);
    const answer =
      condition === "away"
        ? undefined
        : await within(ANSWER_WITHIN_MS, Promise.all([coordinator.census(), hints.countJobs(JOB_STATES)]));
    if (answer === undefined) {
      // What was true when Redis last answered would look as if it were true now.
      this.#oldestDueAge.remove();
      this.#workspaces.reset();
      this.#jobs.reset();
      return;
    }
    const [{ phases, oldestDueAgeMs }, jobs] = answer;
    for (const [phase, count] of Object.entries(phases)) this.#workspaces.set({ phase }, count);
    for (const [state, count] of Object.entries(jobs)) this.#jobs.set({ state }, count);
    this.#oldestDueAge.set(oldestDueAgeMs / 1_000);
  }
}
