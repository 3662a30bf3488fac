/**
 * Drives a machine through virtual time: it begins what is due when it is due, and ends it after a fixed time. At equal
 * times a cycle's end comes first, then the start of a due one, then the trigger.
 */
import type { Judged, Machine } from "./virtual-workspace.ts";

export class VirtualTime {
  /** Starts of the cycles begun here, ms. */
  readonly cycles: number[] = [];
  readonly #machine: Machine;
  readonly #cycleMs: number;
  #endsAt: number | undefined;
  #now: number;

  /** `endsAt`: end of a cycle that is already running; `now`: how far the machine's time has come. */
  constructor(machine: Machine, cycleMs: number, endsAt?: number, now = Number.NEGATIVE_INFINITY) {
    this.#now = now;
    this.#machine = machine;
    this.#cycleMs = cycleMs;
    this.#endsAt = endsAt;
  }

  /** End of the running cycle, ms. */
  get endsAt(): number | undefined {
    return this.#endsAt;
  }

  /** Times must not go back. */
  async trigger(source: string, now: number, unchanged = false): Promise<Judged> {
    await this.advanceTo(now);
    this.#now = now;
    const judged = await this.#machine.trigger(source, now, unchanged);
    if (this.#endsAt === undefined) await this.#startIfDue(now);
    return judged;
  }

  async advanceTo(time: number): Promise<void> {
    for (;;) {
      if (this.#endsAt !== undefined) {
        if (this.#endsAt > time) return;
        const endedAt = this.#endsAt;
        this.#now = endedAt;
        await this.#machine.end(endedAt);
        this.#endsAt = undefined;
        await this.#startIfDue(endedAt);
        continue;
      }
      const wakeAt = await this.#machine.wakeAt(this.#now);
      if (wakeAt === undefined || wakeAt > time || !(await this.#startIfDue(wakeAt))) return;
    }
  }

  async #startIfDue(now: number): Promise<boolean> {
    if (!(await this.#machine.begin(now))) return false;
    this.#now = now;
    this.cycles.push(now);
    this.#endsAt = now + this.#cycleMs;
    return true;
  }
}
