import { setMaxListeners } from "node:events";
import type { CycleLease, Cycles } from "@restart-coordinator/debounce";
import type { Log } from "./log.ts";
import type { Provisioner } from "./provisioner.ts";
import { runAttempt } from "./run-attempt.ts";

export interface DrainingParts {
  readonly cycles: Cycles;
  readonly provisioner: Provisioner;
  /** An attempt that takes longer has failed, ms. */
  readonly deadlineMs: number;
  /** How long cycles under way may go on at the stop before they are handed over, ms. */
  readonly graceMs: number;
  readonly removeFiles: (workspaceId: string) => Promise<void>;
  /** Deletes the keys of a removed workspace that its last script cannot name. */
  readonly deleteTraces: (workspaceId: string) => Promise<void>;
  readonly log: Log;
}

/**
 * Draining carries out what is due in workspaces: cycle after cycle, each beginning anew from what Redis says. Once told
 * to stop it begins no further cycle; those under way end, and past their grace time are handed over.
 */
export class Draining {
  readonly #parts: DrainingParts;
  readonly #handover = new AbortController();
  readonly #underWay = new Map<string, Promise<void>>();
  #isStopping = false;

  constructor(parts: DrainingParts) {
    this.#parts = parts;
    // Every attempt under way listens.
    setMaxListeners(0, this.#handover.signal);
  }

  /** The number of workspaces under way. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Begins to drain a workspace, unless it is under way or the worker stops. What goes wrong is told to the log. */
  begin(workspaceId: string): void {
    if (this.#isStopping || this.#underWay.has(workspaceId)) return;
    const drained = this.#drain(workspaceId)
      .catch((error: unknown) => {
        this.#parts.log.warn({ err: error, workspaceId }, "Redis did not take a step; the next look goes on");
      })
      .finally(() => this.#underWay.delete(workspaceId));
    this.#underWay.set(workspaceId, drained);
  }

  /** Resolves once a workspace that is under way has ended; at once when none is. */
  async oneEnded(): Promise<void> {
    if (this.#underWay.size > 0) await Promise.race(this.#underWay.values());
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const goingDown = new Error("the worker is going down");
    const grace = setTimeout(() => this.#handover.abort(goingDown), this.#parts.graceMs);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
    clearTimeout(grace);
  }

  async #drain(workspaceId: string): Promise<void> {
    while (!this.#isStopping) {
      const begun = await this.#parts.cycles.begin(workspaceId);
      // Idle, busy, or due later: a later look finds what becomes due, the end of a dead worker's lease included.
      if (begun.kind !== "begun") return;
      if (!(await this.#runAndEnd(begun.lease))) return;
    }
  }

  /** Tells whether to look at the workspace again. */
  async #runAndEnd(lease: CycleLease): Promise<boolean> {
    const { provisioner, deadlineMs, removeFiles, deleteTraces, log } = this.#parts;
    const { workspaceId, cycle } = lease;
    const { cycleId, attempt, action, covers } = cycle;
    const told = { workspaceId, cycleId, attempt };
    log.info({ ...told, action, covers }, `cycle ${cycleId} begins (${action})`);
    const settings = { deadlineMs, removeFiles, handover: this.#handover.signal, onStep() {} };
    const result = await runAttempt(lease, provisioner, settings, log);
    if (result === "lost") {
      lease.abandon();
      log.warn(told, `cycle ${cycleId}: the lease is lost, another worker takes over`);
      return false;
    }
    if (action === "remove" && result.outcome === "ok") await deleteTraces(workspaceId);
    const ended = await lease.end(result);
    if (ended.kind === "lost") {
      log.warn(told, `cycle ${cycleId}: its end was refused, another worker took over`);
      return false;
    }
    const error = "error" in result ? result.error : undefined;
    const { what, durationMs, dueAt } = ended;
    log[error === undefined ? "info" : "warn"](
      { ...told, durationMs, dueAt, error },
      `cycle ${cycleId} ended: ${what}`,
    );
    return dueAt !== undefined;
  }
}
