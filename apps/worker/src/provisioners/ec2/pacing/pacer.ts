import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { isThrottle, meaningOf } from "../errors.ts";
import type { PacedRequest } from "../requests.ts";
import { Lane } from "./lane.ts";
import { AWS_LIMITS, type LaneLimits, type LaneName, ownLimits, type PaceLimits } from "./limits.ts";
import { type Take, TokenBuckets } from "./token-buckets.ts";

export interface PaceOptions {
  /** A connection of the caller's own that waits for Redis (`maxRetriesPerRequest: null`). */
  readonly redis: Redis | Cluster;
  /** Workers with the same prefix share the buckets: those of one AWS account and region must. */
  readonly prefix: string;
  /** Default `ownLimits(AWS_LIMITS)`. */
  readonly limits?: PaceLimits;
  /** Told of every request how long it waited for its turn, ms; 0 for most. */
  readonly onWait?: (action: string, ms: number) => void;
  /** Told each time that EC2 throttled a request all the same: the lane runs at half its pace for `SLOW_MS`. */
  readonly onThrottled?: (action: string) => void;
  /** Told when Redis did not answer; requests wait for it. */
  readonly onTrouble?: (error: unknown) => void;
  /** Before a request that got no clear answer is made again, ms; twice as long the second time. Default 500. */
  readonly repeatMs?: number;
}

/** How long a lane is slow after a throttled request, ms. */
export const SLOW_MS = 30_000;

/** How often a request is made that gets no clear answer. */
const ATTEMPTS = 3;

/**
 * Makes requests wait for their turn, so that all workers together stay inside the account's limits. Without Redis they
 * wait until it is back. A request that is aborted while it waits was never made.
 *
 * One that is throttled, or gets no clear answer, is made again, each time in its turn: all of them may be. Only of a
 * launch whose outcome is unknown does the caller decide.
 */
export class Pacer {
  readonly #options: PaceOptions;
  readonly #limits: PaceLimits;
  readonly #buckets: TokenBuckets;
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  /** As far as known: what may be under way is theirs together. */
  #workers = 1;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#limits = options.limits ?? ownLimits(AWS_LIMITS);
    this.#buckets = new TokenBuckets(options.redis, options.prefix);
    const names = Object.keys(this.#limits) as LaneName[];
    this.#lanes = Object.fromEntries(names.map((name) => [name, this.#lane(name)])) as Record<LaneName, Lane>;
  }

  /** Resolves to what the request was answered. Rejects with its last error, or with the signal's reason. */
  async inTurn<T>(request: PacedRequest, make: () => Promise<T>): Promise<T> {
    const { action, dryRun, signal } = request;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request, make);
      } catch (error) {
        signal?.throwIfAborted();
        const isThrottled = isThrottle(error);
        const isCallersToRepeat = action === "RunInstances" && !dryRun;
        const mayRepeat = isThrottled || (!isCallersToRepeat && meaningOf(error).kind === "retry");
        if (!mayRepeat || attempt === ATTEMPTS) throw error;
        // One that was throttled has the emptied lane to wait for.
        const pauseMs = isThrottled ? 0 : (this.#options.repeatMs ?? 500) * attempt * (0.5 + Math.random());
        await sleep(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }

  async #once<T>({ action, dryRun, instances, signal }: PacedRequest, make: () => Promise<T>): Promise<T> {
    const name = this.#laneOf(action);
    const lane = this.#lanes[name];
    const askedAt = performance.now();
    // A dry run is a request as any other, but touches no resource.
    await lane.pass({ requests: 1, resources: dryRun ? 0 : instances }, signal);
    this.#options.onWait?.(action, Math.round(performance.now() - askedAt));
    try {
      return await make();
    } catch (error) {
      if (isThrottle(error)) await this.#throttled(name, action);
      throw error;
    } finally {
      lane.done();
    }
  }

  #laneOf(action: string): LaneName {
    if (action in this.#limits) return action as LaneName;
    return action.startsWith("Describe") ? "Describe" : "Other";
  }

  #lane(name: LaneName): Lane {
    const limits: LaneLimits = this.#limits[name];
    return new Lane({
      reserve: async ({ requests, resources }) => {
        const takes: Take[] = [{ bucket: name, ...limits.requests, tokens: requests }];
        if (limits.resources !== undefined && resources > 0) {
          takes.push({ bucket: `${name}:resources`, ...limits.resources, tokens: resources });
        }
        const reservation = await this.#buckets.take(takes);
        this.#workers = reservation.takers;
        return reservation;
      },
      inFlight: () => Math.max(1, Math.floor((limits.inFlight ?? Number.POSITIVE_INFINITY) / this.#workers)),
      trouble: (error) => this.#options.onTrouble?.(error),
    });
  }

  /** Somebody else uses the account, too, or Redis has forgotten: it is EC2 that knows how full the bucket is. */
  async #throttled(lane: LaneName, action: string): Promise<void> {
    this.#options.onThrottled?.(action);
    const { requests: limit } = this.#limits[lane];
    await this.#buckets.slowDown(lane, limit, SLOW_MS).catch((error: unknown) => this.#options.onTrouble?.(error));
  }
}
