import { inTime } from "../within.ts";

/**
 * A part of a process that can be started and stopped, whatever else happens:
 *
 * - `start` resolves once the part is up. Called twice it starts once; called after `stop` it starts nothing.
 * - `stop` resolves once nothing of the part is under way. It may come at any time: twice, during the start, before any
 *   start. It is bounded: past its time it rejects with a `StillUnderWayError`, and what hangs is left to itself.
 */
export interface Service {
  /** The name stands in log lines and errors: "the sweep". */
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The error of a stop that took too long. */
export class StillUnderWayError extends Error {
  constructor({ name, stopWithinMs }: BackgroundService, otherwise = "it is left to itself") {
    super(`${name}: still under way ${stopWithinMs} ms after the stop; ${otherwise}`);
    this.name = "StillUnderWayError";
  }
}

export interface ServiceParts {
  readonly start?: () => unknown;
  /** Called once, whether it was started or not. */
  readonly stop?: () => unknown;
  /** A stop takes no longer than this, ms. Default 5,000; Infinity where every part of it is bounded by itself. */
  readonly stopWithinMs?: number;
  /** What becomes of what is still under way then, for whoever reads the log. */
  readonly otherwise?: string;
}

/**
 * A service that keeps the contract, whatever it is made of: two functions, or the `up` and `down` of a class that extends
 * it.
 */
export class BackgroundService implements Service {
  readonly name: string;
  readonly stopWithinMs: number;
  readonly #parts: ServiceParts;
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(name: string, parts: ServiceParts = {}) {
    this.name = name;
    this.stopWithinMs = parts.stopWithinMs ?? 5_000;
    this.#parts = parts;
  }

  /** The signal fires when the service is told to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Starts it. @throws whatever keeps it from coming up */
  async start(): Promise<void> {
    if (this.#stopped !== undefined) return;
    this.#started ??= this.up();
    await this.#started;
  }

  /** Stops it. @throws StillUnderWayError when something goes on past the time there is */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Brings the service up; called once at most. A start that takes long heeds `stopping`. */
  protected async up(): Promise<void> {
    await this.#parts.start?.();
  }

  /** Resolves once nothing is under way; called once, after `stopping` has fired, whether it was ever up or not. */
  protected async down(): Promise<void> {
    await this.#parts.stop?.();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.name} was told to stop`));
    // Whoever started it hears of a start that failed.
    const down = (this.#started ?? Promise.resolve()).catch(() => {}).then(() => this.down());
    if (this.stopWithinMs === Number.POSITIVE_INFINITY) return down;
    await inTime(this.stopWithinMs, down, () => new StillUnderWayError(this, this.#parts.otherwise));
  }
}
