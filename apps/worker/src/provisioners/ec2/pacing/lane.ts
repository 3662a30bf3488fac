import { setTimeout as sleep } from "node:timers/promises";
import type { Reservation } from "./token-buckets.ts";

export interface Cost {
  readonly requests: number;
  readonly resources: number;
}

export interface LaneOptions {
  /** May reject: it is asked again every `retryMs`, for as long as somebody waits. */
  readonly reserve: (cost: Cost) => Promise<Reservation>;
  /** Told of every rejection. */
  readonly trouble: (error: unknown) => void;
  /** How many calls may be under way now. Default: any number. */
  readonly inFlight?: (() => number) | undefined;
  readonly retryMs?: number;
}

interface Waiter {
  readonly cost: Cost;
  go(): void;
}

/**
 * One worker's queue for one lane's tokens, first come, first served. Only the first in it holds a reservation: so the
 * workers take turns, one that dies loses the fleet one place, and leaving the queue costs nothing.
 */
export class Lane {
  readonly #reserve: (cost: Cost) => Promise<Reservation>;
  readonly #trouble: (error: unknown) => void;
  readonly #retryMs: number;
  readonly #most: () => number;
  #queue: Waiter[] = [];
  #moving = false;
  #inFlight = 0;
  #landed: () => void = () => {};

  constructor({ reserve, trouble, inFlight = () => Number.POSITIVE_INFINITY, retryMs = 500 }: LaneOptions) {
    this.#most = inFlight;
    this.#reserve = reserve;
    this.#trouble = trouble;
    this.#retryMs = retryMs;
  }

  /** Resolves when the call may be made; `done` must follow it. Rejects only with the signal's reason. */
  pass(cost: Cost, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => {
        this.#queue = this.#queue.filter((other) => other !== waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        cost,
        go: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#queue.push(waiter);
      if (!this.#moving) void this.#move();
    });
  }

  /** The call was answered, or never will be. */
  done(): void {
    this.#inFlight -= 1;
    this.#landed();
  }

  async #move(): Promise<void> {
    this.#moving = true;
    while (this.#queue[0] !== undefined) {
      if (this.#inFlight >= this.#most()) {
        await new Promise<void>((resolve) => {
          this.#landed = resolve;
        });
        continue;
      }
      const { cost } = this.#queue[0];
      const reservation = await this.#reserve(cost).catch((error: unknown) => {
        this.#trouble(error);
        return undefined;
      });
      if (reservation === undefined) {
        await sleep(this.#retryMs);
        continue;
      }
      if (reservation.waitMs > 0) await sleep(reservation.waitMs);
      // It may have left meanwhile: then its turn is the next one's.
      const next = this.#queue[0];
      if (next !== undefined && next.cost.requests <= cost.requests && next.cost.resources <= cost.resources) {
        this.#queue.shift();
        this.#inFlight += 1;
        next.go();
      } else {
        await reservation.giveBack().catch((error: unknown) => this.#trouble(error));
      }
    }
    this.#moving = false;
  }
}
