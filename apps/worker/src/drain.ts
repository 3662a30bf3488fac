/**
 * Drains one workspace: cycle after cycle while one is due, each beginning anew from what Redis says. The hint that
 * led here carries nothing but the workspace's id.
 */
import { randomUUID } from "node:crypto";
import type { CycleLease, Cycles, Hint } from "@restart-coordinator/debounce";
import type { WorkerMetrics } from "@restart-coordinator/service";
import type { Logger } from "pino";
import { CycleSpan } from "./cycle-span.ts";
import type { Provisioner } from "./provisioners/provisioner.ts";
import { type AttemptSettings, runAttempt } from "./run-cycle.ts";

export interface DrainParts {
  readonly cycles: Cycles;
  readonly provisioner: Provisioner;
  readonly attempt: Omit<AttemptSettings, "onStep">;
  /** Sees to it that somebody looks at a workspace again. */
  readonly wake: (hint: Hint) => Promise<void>;
  /** Deletes the keys of a removed workspace that its last script cannot name. */
  readonly deleteTraces: (workspaceId: string) => Promise<void>;
  /** Fires when the worker goes down: no further cycle is begun. */
  readonly closing: AbortSignal;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

export async function drain(workspaceId: string, parts: DrainParts, onStep: AttemptSettings["onStep"]): Promise<void> {
  const { cycles } = parts;
  while (!parts.closing.aborted) {
    const begun = await cycles.begin(workspaceId);
    switch (begun.kind) {
      case "idle":
      case "busy":
        // Whoever holds the lease looks again when it ends; if it dies, the lease's end is due and the sweep finds it.
        return;
      case "not-due": {
        const { dueAt, hintId, now } = begun;
        await parts.wake({ workspaceId, dueAt, delayMs: Math.max(0, dueAt - now), hintId });
        return;
      }
      case "not-replicated":
        parts.logger.warn(
          { workspaceId, dueAt: begun.dueAt },
          "too few replicas have the begin: no cycle runs; the sweep tries again",
        );
        return;
      case "begun":
        parts.metrics.attemptBegan(begun.lease.cycle);
        if (!(await traced(begun.lease, parts, onStep))) return;
    }
  }
  // Another worker shall look: there may be a cycle due that this one must not begin.
  await parts.wake({ workspaceId, dueAt: 0, delayMs: 0, hintId: `closing-${randomUUID()}` });
}

async function traced(lease: CycleLease, parts: DrainParts, onStep: AttemptSettings["onStep"]): Promise<boolean> {
  const span = new CycleSpan(lease);
  try {
    return await span.run(() => runAndEnd(lease, span, parts, onStep));
  } finally {
    span.end();
  }
}

/** Tells whether to look at the workspace again. */
async function runAndEnd(
  lease: CycleLease,
  span: CycleSpan,
  parts: DrainParts,
  onStep: AttemptSettings["onStep"],
): Promise<boolean> {
  const { cycle, workspaceId } = lease;
  const { cycleId, generation, attempt, how, action, fencingToken } = cycle;
  const logger = parts.logger.child({ workspaceId, cycleId, generation, attempt, fencingToken });
  const sources = cycle.covers.map(({ source, count }) => `${count} ${source}`).join(", ");
  logger.info(
    { how, action, covers: cycle.covers },
    `cycle ${cycleId} begins (${how} ${action}: ${sources || "no triggers"})`,
  );

  const settings: AttemptSettings = {
    ...parts.attempt,
    onStep(step) {
      span.step(step.name);
      onStep(step);
    },
  };
  const result = await runAttempt(lease, parts.provisioner, settings, logger);
  if (result === "lost") {
    lease.abandon();
    parts.metrics.leaseLost(cycle);
    span.note("lost", "the lease is lost");
    logger.warn(`cycle ${cycleId}: the lease is lost, another worker takes over`);
    return false;
  }
  if (action === "remove" && result.outcome === "ok") await parts.deleteTraces(workspaceId);
  const ended = await lease.end(result);
  if (ended.kind === "lost") {
    parts.metrics.leaseLost(cycle);
    span.note("lost", "the lease is lost");
    logger.warn(`cycle ${cycleId}: its end was refused, another worker took over`);
    return false;
  }
  parts.metrics.attemptEnded(cycle, ended);
  const error = "error" in result ? result.error : undefined;
  const { what, durationMs, dueAt } = ended;
  span.note(what, error);
  logger[error === undefined ? "info" : "warn"](
    { outcome: what, durationMs, dueAt, error },
    `cycle ${cycleId} ended: ${what}`,
  );
  // With nothing to look for there is no need to look: what makes it due from here on gives a hint. After a handover the
  // loop ends with a hint, for the worker is closing: another takes the cycle over at once.
  return dueAt !== undefined;
}
