import type { CycleStep } from "@restart-coordinator/worker";
import type { Job } from "bullmq";

const DETAIL_CHARACTERS = 600;

/**
 * Job notes tell whoever watches the board what a worker does, on the hint that led it there. The journal is what
 * counts.
 */
export class JobNotes {
  readonly #job: Job;
  #steps = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  /**
   * Adds a note; it never throws, and nobody waits for it: the job may be gone. How many lines are kept is the job's
   * `keepLogs`.
   */
  add({ cycleId, attempt, name, detail }: CycleStep): void {
    this.#steps += 1;
    const told = JSON.stringify(detail).slice(0, DETAIL_CHARACTERS);
    const line = `${new Date().toISOString()}   ${name}${told === "{}" ? "" : ` ${told}`} (cycle ${cycleId}, attempt ${attempt})`;
    void this.#job.updateProgress({ cycle: cycleId, attempt, step: name, steps: this.#steps }).catch(() => {});
    void this.#job.log(line).catch(() => {});
  }
}
