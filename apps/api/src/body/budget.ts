/**
 * How many bytes of JSON bodies this process holds at once. A body is read only once there is room for it: whoever sends
 * many at a time waits for his own, and never fills the process.
 */
import type { ServerResponse } from "node:http";
import { Problem } from "../problem.ts";

export interface BudgetLimits {
  /** Of all callers together. */
  readonly bytes: number;
  /** Of one caller; the largest body fits. */
  readonly bytesPerCaller: number;
  /** Requests of one caller that wait for room. */
  readonly waitingPerCaller: number;
  /** How long one waits, ms. */
  readonly waitMs: number;
}

interface Waiter {
  readonly caller: string;
  readonly bytes: number;
  enter(): void;
}

export class BodyBudget {
  readonly #limits: BudgetLimits;
  #held = 0;
  readonly #heldBy = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  readonly #waitingOf = new Map<string, number>();

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /**
   * Resolves once there is room; what it returns is called when the body is held no longer.
   * @throws Problem 503 when too many of the caller wait already, or there is none in time
   */
  async enter(caller: string, bytes: number, response: ServerResponse): Promise<() => void> {
    if (!this.#fits(caller, bytes)) await this.#wait(caller, bytes, response);
    else this.#take(caller, bytes);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      add(this.#heldBy, caller, -bytes);
      this.#held -= bytes;
      this.#letIn();
    };
  }

  #fits(caller: string, bytes: number): boolean {
    const { bytes: most, bytesPerCaller } = this.#limits;
    return this.#held + bytes <= most && (this.#heldBy.get(caller) ?? 0) + bytes <= bytesPerCaller;
  }

  #take(caller: string, bytes: number): void {
    this.#held += bytes;
    add(this.#heldBy, caller, bytes);
  }

  /** In the order they came, but who waits for his own does not stand in another's way. */
  #letIn(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.caller, waiter.bytes)) continue;
      this.#take(waiter.caller, waiter.bytes);
      waiter.enter();
    }
  }

  async #wait(caller: string, bytes: number, response: ServerResponse): Promise<void> {
    const { waitingPerCaller, waitMs } = this.#limits;
    if ((this.#waitingOf.get(caller) ?? 0) >= waitingPerCaller) {
      throw busy(`${waitingPerCaller} requests of this token wait already`);
    }
    add(this.#waitingOf, caller, 1);
    let stop = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = { caller, bytes, enter: resolve };
        this.#waiting.add(waiter);
        const timer = setTimeout(() => reject(busy(`there was no room for it within ${waitMs} ms`)), waitMs);
        const gone = () => reject(new Problem({ status: 499, title: "Gone", detail: "the caller went away" }));
        response.once("close", gone);
        stop = () => {
          clearTimeout(timer);
          response.off("close", gone);
          this.#waiting.delete(waiter);
        };
      });
    } finally {
      stop();
      add(this.#waitingOf, caller, -1);
    }
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function busy(why: string): Problem {
  const detail = `too many large bodies at once: ${why}; repeat the request`;
  return new Problem({ type: "too-many-bodies", status: 503, title: "Try again", detail }, { "Retry-After": "1" });
}
