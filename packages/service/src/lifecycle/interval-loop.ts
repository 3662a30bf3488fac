import type { Logger } from "pino";
import { Bell } from "./bell.ts";
import { BackgroundService, type ServiceParts } from "./service.ts";

export interface IntervalLoopOptions extends Pick<ServiceParts, "stopWithinMs"> {
  readonly name: string;
  /**
   * One look for work. It ends early when the signal fires, and may say how long to wait before the next one, ms. When it
   * rejects, that is told, and the next one comes all the same.
   */
  readonly pass: ((stopping: AbortSignal) => Promise<void>) | ((stopping: AbortSignal) => Promise<number>);
  /** From the end of a pass to the next one, ms. */
  readonly intervalMs: number;
  /** From the start to the first pass, ms. Default 0. */
  readonly firstAfterMs?: number;
  /** What comes after the last pass, at the stop. */
  readonly afterwards?: () => Promise<void>;
  readonly logger: Logger;
}

/** A loop runs passes one after another, with a pause between them, until it is stopped; never two at a time. */
export class IntervalLoop extends BackgroundService {
  readonly #options: IntervalLoopOptions;
  readonly #bell = new Bell();
  #running: Promise<void> | undefined;

  constructor(options: IntervalLoopOptions) {
    super(options.name, options);
    this.#options = options;
  }

  /** Ends the pause: the next pass begins now, or as soon as the one under way has ended. */
  wake(): void {
    this.#bell.ring();
  }

  protected override async up(): Promise<void> {
    this.#running = this.#run();
  }

  protected override async down(): Promise<void> {
    this.wake();
    await this.#running;
    await this.#options.afterwards?.();
  }

  async #run(): Promise<void> {
    const { firstAfterMs = 0 } = this.#options;
    if (firstAfterMs > 0) await this.#bell.since(this.#bell.mark, firstAfterMs);
    while (!this.stopping.aborted) {
      const { mark } = this.#bell;
      await this.#bell.since(mark, await this.#pass());
    }
  }

  /** Tells how long to wait then, ms. */
  async #pass(): Promise<number> {
    const { name, pass, intervalMs, logger } = this.#options;
    try {
      return (await pass(this.stopping)) ?? intervalMs;
    } catch (error) {
      // What was cut short by the stop is no failure.
      if (!this.stopping.aborted) logger.warn({ err: error }, `${name} failed; the next pass tries again`);
      return intervalMs;
    }
  }
}
