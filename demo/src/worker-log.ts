/** Which worker runs which cycle, read from the lines the workers log when a cycle begins and ends. */
import type { LogLine } from "./child.ts";

export class WorkerLog {
  /** Of each attempt begun, the worker's name. */
  readonly #workerOf = new Map<string, string>();
  readonly #running = new Map<string, string>();
  #waiting: ((worker: string) => void)[] = [];

  take(worker: string, line: LogLine): void {
    const { cycleId, attempt, how, outcome, msg = "" } = line;
    if (typeof cycleId !== "string") return;
    if (how !== undefined) {
      this.#workerOf.set(`${cycleId} ${attempt}`, worker);
      this.#running.set(worker, cycleId);
      for (const tell of this.#waiting.splice(0)) tell(worker);
    } else if (outcome !== undefined || /another worker (takes|took) over$/.test(msg)) {
      if (this.#running.get(worker) === cycleId) this.#running.delete(worker);
    }
  }

  forget(worker: string): void {
    this.#running.delete(worker);
  }

  workerOf(cycleId: string, attempt: number): string | undefined {
    return this.#workerOf.get(`${cycleId} ${attempt}`);
  }

  /** The worker that runs a cycle: now, or the next to begin one. */
  async runner(): Promise<string> {
    const [running] = this.#running.keys();
    return running ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
}
