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
  constructor(name: string, waitedMs: number, otherwise: string) {
    super(`${name}: still under way ${waitedMs} ms after the stop; ${otherwise}`);
    this.name = "StillUnderWayError";
  }
}

export interface StopOptions {
  /** A stop takes no longer than this, ms. Default 5,000; Infinity where every part of it is bounded by itself. */
  readonly stopWithinMs?: number;
  /** What becomes of what is still under way then, for whoever reads the log. */
  readonly otherwise?: string;
}

const STOP_WITHIN_MS = 5_000;

/** A service that keeps the contract for those that extend it: they say only what it means to be up, and to be down. */
export abstract class BackgroundService implements Service {
  readonly name: string;
  readonly #options: StopOptions;
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  protected constructor(name: string, options: StopOptions = {}) {
    this.name = name;
    this.#options = options;
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
  protected async up(): Promise<void> {}

  /** Resolves once nothing is under way; called once, after `stopping` has fired, whether it was ever up or not. */
  protected async down(): Promise<void> {}

  async #stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.name} was told to stop`));
    const { stopWithinMs = STOP_WITHIN_MS, otherwise = "it is left to itself" } = this.#options;
    // Whoever started it hears of a start that failed.
    const down = (this.#started ?? Promise.resolve()).catch(() => {}).then(() => this.down());
    if (stopWithinMs === Number.POSITIVE_INFINITY) return down;
    await inTime(stopWithinMs, down, () => new StillUnderWayError(this.name, stopWithinMs, otherwise));
  }
}

export interface ServiceParts extends StopOptions {
  readonly start?: () => unknown;
  /** Called once, whether it was started or not. */
  readonly stop?: () => unknown;
}

/** Makes a service of two functions. */
export function serviceOf(name: string, parts: ServiceParts): Service {
  return new MadeOfFunctions(name, parts);
}

class MadeOfFunctions extends BackgroundService {
  readonly #parts: ServiceParts;

  constructor(name: string, parts: ServiceParts) {
    super(name, parts);
    this.#parts = parts;
  }

  protected override async up(): Promise<void> {
    await this.#parts.start?.();
  }

  protected override async down(): Promise<void> {
    await this.#parts.stop?.();
  }
}
