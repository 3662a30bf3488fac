/**
 * Knows whether Redis would take a write now, and what keeps it from that. A PONG says little: a replica, a full server and
 * one that cannot save answer it, too. Readiness, metrics and the log ask here.
 */
import {
  CoordinatorUnavailableError,
  describeCondition,
  fromRedis,
  type KeySpace,
  type RedisCondition,
  remedyOf,
} from "@restart-coordinator/debounce";
import { Cluster, type Redis } from "ioredis";
import type { Logger } from "pino";
import { BackgroundService, type Service } from "../lifecycle/service.ts";
import { inTime } from "../within.ts";

export interface RedisWatchOptions {
  readonly redis: Redis | Cluster;
  readonly keys: KeySpace;
  readonly logger: Logger;
}

/** Redis counts as away when it does not answer this soon, ms. */
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 2_000;
/** A connection to a replica is made anew, for a new one may lead to the master: while it is, nothing is new. */
const REPLICA_FOR_MS = 3_000;

/** A write that is refused as any other is, and changes nothing: the key stays without a value, so there is none. */
const WRITES_NOTHING = "return redis.call('SETRANGE', KEYS[1], 0, '')";

export class RedisWatch {
  readonly #options: RedisWatchOptions;
  readonly #probes: readonly string[];
  #asking: Promise<RedisCondition | undefined> | undefined;
  #told: RedisCondition | undefined;
  /** Until then a connection that is made anew is one that looks for the master. */
  #replicaUntil = Number.NEGATIVE_INFINITY;

  constructor(options: RedisWatchOptions) {
    const { redis, keys } = options;
    this.#options = options;
    // One server has all keys; in a Cluster each may be on a master of its own.
    this.#probes = redis instanceof Cluster ? keys.probes : keys.probes.slice(0, 1);
  }

  /**
   * Makes a service that looks now and then, so that the log tells what nobody has asked about. Its stop does not wait for
   * an answer.
   */
  looking({ intervalMs = LOOK_EVERY_MS } = {}): Service {
    const { logger } = this.#options;
    const look = (): void => {
      this.condition().catch((error: unknown) => logger.warn({ err: error }, "Redis cannot be asked for a write"));
    };
    let timer: NodeJS.Timeout | undefined;
    return new BackgroundService("the watch over Redis", {
      start: () => {
        timer = setInterval(look, intervalMs);
      },
      stop: () => clearInterval(timer),
    });
  }

  /** What keeps Redis from taking a write; undefined when nothing does. Those who ask at the same time share an answer. */
  condition(): Promise<RedisCondition | undefined> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<RedisCondition | undefined> {
    const condition = await this.#find();
    this.#tell(condition);
    return condition;
  }

  async #find(): Promise<RedisCondition | undefined> {
    const { redis } = this.#options;
    const now = performance.now();
    if (redis.status !== "ready") return now < this.#replicaUntil ? "read-only" : "away";
    const written = Promise.all(this.#probes.map((probe) => redis.eval(WRITES_NOTHING, 1, probe)));
    try {
      await inTime(ANSWER_WITHIN_MS, written, () => new CoordinatorUnavailableError("no answer in time"));
      return undefined;
    } catch (error) {
      const known = error instanceof CoordinatorUnavailableError ? error : fromRedis(error);
      if (!(known instanceof CoordinatorUnavailableError)) throw error;
      if (known.condition === "read-only") this.#replicaUntil = now + REPLICA_FOR_MS;
      return known.condition;
    }
  }

  #tell(condition: RedisCondition | undefined): void {
    if (condition === this.#told) return;
    const { logger } = this.#options;
    // That it went away, and that it is back, is told by the connection.
    if (condition !== undefined && condition !== "away") {
      logger.error({ condition, remedy: remedyOf(condition) }, describeCondition(condition));
    } else if (condition === undefined && this.#told !== "away") logger.info("Redis takes writes again");
    this.#told = condition;
  }
}
