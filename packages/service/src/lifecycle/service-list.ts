import type { Logger } from "pino";
import { BackgroundService, type Service, StillUnderWayError } from "./service.ts";

/** A place in the list. A list within the list starts and stops side by side; undefined is left out. */
export type Listed = Service | undefined | readonly (Service | undefined)[];

/**
 * A service list is all services of a process as one. They start in order, each once the one before is up, and stop in
 * the reverse order, each once the one after is down. When one cannot start, all are stopped: those, too, whose turn to
 * start never came, for they may have opened something when they were made.
 */
export class ServiceList extends BackgroundService {
  readonly #groups: readonly (readonly Service[])[];
  readonly #logger: Logger;
  #ending: Promise<void> | undefined;

  constructor(list: readonly Listed[], logger: Logger) {
    super("the process", { stopWithinMs: Number.POSITIVE_INFINITY });
    this.#groups = list.map((listed) => [listed].flat().filter((service) => service !== undefined));
    this.#logger = logger;
  }

  /** Lists every service, in order. */
  get services(): readonly Service[] {
    return this.#groups.flat();
  }

  protected override async up(): Promise<void> {
    try {
      for (const group of this.#groups) {
        if (this.stopping.aborted) return;
        await Promise.all(group.map((service) => service.start()));
      }
    } catch (error) {
      // The start's own error is what has to be told.
      await this.#stopAll().catch(() => {});
      throw error;
    }
  }

  protected override down(): Promise<void> {
    return this.#stopAll();
  }

  /**
   * What cannot be stopped keeps no other from it, and is told; the first failure is thrown once all have had their
   * turn.
   */
  #stopAll(): Promise<void> {
    this.#ending ??= this.#stopInReverse();
    return this.#ending;
  }

  async #stopInReverse(): Promise<void> {
    const failures: unknown[] = [];
    for (const group of this.#groups.toReversed()) {
      const ends = await Promise.allSettled(group.map((service) => service.stop()));
      for (const [place, end] of ends.entries()) {
        if (end.status === "fulfilled") continue;
        if (end.reason instanceof StillUnderWayError) this.#logger.warn(end.reason.message);
        else {
          this.#logger.error({ err: end.reason }, `${group[place]?.name} could not be stopped`);
          failures.push(end.reason);
        }
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
