import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { CycleLease, Cycles, Hint } from "@restart-coordinator/debounce";
import { BackgroundService, type WorkerMetrics } from "@restart-coordinator/service";
import type { Logger } from "pino";
import { CycleSpan } from "./cycle-span.ts";
import type { Provisioner } from "./provisioners/provisioner.ts";
import { type AttemptSettings, runAttempt } from "./run-cycle.ts";

export interface DrainerParts {
  readonly cycles: Cycles;
  readonly provisioner: Provisioner;
  /** An attempt that takes longer has failed, ms. */
  readonly deadlineMs: number;
  /** How long cycles under way may go on at the stop before they are handed over, ms. */
  readonly graceMs: number;
  /** Sees to it that somebody looks at a workspace again. */
  readonly wake: (hint: Hint) => Promise<unknown>;
  /** Takes away the files of a workspace that is removed. */
  readonly removeFiles: (workspaceId: string) => Promise<void>;
  /** Deletes the keys of a removed workspace that its last script cannot name. */
  readonly deleteTraces: (workspaceId: string) => Promise<void>;
  /** Tells how much time passed between two times of Redis' clock, which may have been set meanwhile, ms. */
  readonly passed: (workspaceId: string, from: number, to: number) => number;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

type OnStep = AttemptSettings["onStep"];

/** Past its grace time a worker waits no longer than this for Redis to take note of its going, ms. */
const HANDOVER_WITHIN_MS = 3_000;

/**
 * The drainer carries out what is due in a workspace: cycle after cycle, each beginning anew from what Redis says. What
 * led here carries nothing but the workspace's id. Once told to stop it begins no further cycle; those under way end,
 * and past their grace time are handed over.
 */
export class Drainer extends BackgroundService {
  readonly #parts: DrainerParts;
  readonly #handover = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(parts: DrainerParts) {
    const stopWithinMs = parts.graceMs + HANDOVER_WITHIN_MS;
    super("the cycles under way", {
      stopWithinMs,
      otherwise: "nothing was handed over, the leases run out by themselves",
    });
    this.#parts = parts;
    // Every attempt under way listens.
    setMaxListeners(0, this.#handover.signal);
  }

  /**
   * Drains one workspace. `onStep` is told of every step of its cycles.
   * @throws CoordinatorUnavailableError when Redis does not take a step
   */
  drain(workspaceId: string, onStep: OnStep = () => {}): Promise<void> {
    const drained: Promise<void> = this.#drain(workspaceId, onStep).finally(() => this.#underWay.delete(drained));
    this.#underWay.add(drained);
    return drained;
  }

  protected override async down(): Promise<void> {
    const goingDown = new Error("the worker is going down");
    const grace = setTimeout(() => this.#handover.abort(goingDown), this.#parts.graceMs);
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    clearTimeout(grace);
  }

  async #drain(workspaceId: string, onStep: OnStep): Promise<void> {
    const { cycles, wake, metrics, logger } = this.#parts;
    while (!this.stopping.aborted) {
      const begun = await cycles.begin(workspaceId);
      switch (begun.kind) {
        case "idle":
        case "busy":
          // Whoever holds the lease looks again when it ends; if it dies, the lease's end is due and the sweep finds it.
          return;
        case "not-due": {
          const { dueAt, hintId, now } = begun;
          await wake({ workspaceId, dueAt, delayMs: Math.max(0, dueAt - now), hintId });
          return;
        }
        case "not-replicated":
          logger.warn(
            { workspaceId, dueAt: begun.dueAt },
            "too few replicas have the begin: no cycle runs; the sweep tries again",
          );
          return;
        case "begun":
          metrics.attemptBegan(begun.lease.cycle, this.#waitedMs(begun.lease));
          if (!(await this.#traced(begun.lease, onStep))) return;
      }
    }
    // Another worker shall look: there may be a cycle due that this one must not begin.
    await wake({ workspaceId, dueAt: 0, delayMs: 0, hintId: `closing-${randomUUID()}` });
  }

  #waitedMs({ workspaceId, cycle: { askedAt, startedAt } }: CycleLease): number {
    return this.#parts.passed(workspaceId, askedAt, startedAt);
  }

  async #traced(lease: CycleLease, onStep: OnStep): Promise<boolean> {
    const span = new CycleSpan(lease);
    try {
      return await span.run(() => this.#runAndEnd(lease, span, onStep));
    } finally {
      span.end();
    }
  }

  /** Tells whether to look at the workspace again. */
  async #runAndEnd(lease: CycleLease, span: CycleSpan, onStep: OnStep): Promise<boolean> {
    const { provisioner, deadlineMs, removeFiles, deleteTraces, passed, metrics } = this.#parts;
    const { cycle, workspaceId } = lease;
    const { cycleId, generation, attempt, how, action, fencingToken } = cycle;
    const logger = this.#parts.logger.child({ workspaceId, cycleId, generation, attempt, fencingToken });
    const sources = cycle.covers.map(({ source, count }) => `${count} ${source}`).join(", ");
    logger.info(
      { how, action, covers: cycle.covers },
      `cycle ${cycleId} begins (${how} ${action}: ${sources || "no triggers"})`,
    );

    const settings: AttemptSettings = {
      deadlineMs,
      removeFiles,
      handover: this.#handover.signal,
      onStep(step) {
        span.step(step.name);
        onStep(step);
      },
    };
    const result = await runAttempt(lease, provisioner, settings, logger);
    if (result === "lost") {
      lease.abandon();
      metrics.leaseLost(cycle);
      span.note("lost", "the lease is lost");
      logger.warn(`cycle ${cycleId}: the lease is lost, another worker takes over`);
      return false;
    }
    if (action === "remove" && result.outcome === "ok") await deleteTraces(workspaceId);
    const ended = await lease.end(result);
    if (ended.kind === "lost") {
      metrics.leaseLost(cycle);
      span.note("lost", "the lease is lost");
      logger.warn(`cycle ${cycleId}: its end was refused, another worker took over`);
      return false;
    }
    const { startedAt } = cycle;
    const durationMs = passed(workspaceId, startedAt, startedAt + ended.durationMs);
    metrics.attemptEnded(cycle, { ...ended, durationMs });
    const error = "error" in result ? result.error : undefined;
    const { what, dueAt } = ended;
    span.note(what, error);
    logger[error === undefined ? "info" : "warn"](
      { outcome: what, durationMs, dueAt, error },
      `cycle ${cycleId} ended: ${what}`,
    );
    if (ended.stillDeclined)
      logger.error({ error, dueAt }, `the restart of workspace ${workspaceId} is still declined: ${error}`);
    // With nothing to look for there is no need to look: what makes it due from here on gives a hint. After a handover the
    // loop ends with a hint, for the worker is closing: another takes the cycle over at once.
    return dueAt !== undefined;
  }
}
