/** Runs one attempt at a cycle through the provisioner, and tells how it ended. Writes no state itself. */
import { inspect } from "node:util";
import {
  type AttemptResult,
  CoordinatorUnavailableError,
  type CycleLease,
  CycleStopAskedError,
  LeaseLostError,
} from "@restart-coordinator/debounce";
import type { Log } from "./log.ts";
import { type Cycle, type Provisioner, ProvisionerError } from "./provisioner.ts";
import { type CycleStep, RunningCycle } from "./running-cycle.ts";

export interface AttemptSettings {
  /** An attempt that takes longer has failed, ms. */
  readonly deadlineMs: number;
  /** Fires when the worker must hand its cycles over. */
  readonly handover: AbortSignal;
  /** Told of every step, for whoever watches. Must not throw. */
  readonly onStep: (step: CycleStep) => void;
  /** Takes away what is left of a workspace once it is stopped. */
  readonly removeFiles: (workspaceId: string) => Promise<void>;
}

/**
 * Resolves to how it ended; to "lost" when the lease went while it ran: another worker may act already, and nothing
 * more is to be written.
 */
export async function runAttempt(
  lease: CycleLease,
  provisioner: Provisioner,
  settings: AttemptSettings,
  logger: Log,
): Promise<AttemptResult | "lost"> {
  const { deadlineMs, handover } = settings;
  const stop = new AbortController();
  const cycle = new RunningCycle({ lease, signal: stop.signal, onStep: settings.onStep, logger });
  const timer = setTimeout(tooLate, deadlineMs, stop, deadlineMs);
  // By hand: on Node 20 a signal that AbortSignal.any made may never fire.
  const unfollow = [lease.signal, handover].map((signal) => follow(stop, signal));
  try {
    // A provisioner that does not heed the signal is not waited for: its token is refused once another one was given.
    return await Promise.race([act(cycle, lease, provisioner, settings), aborted(stop.signal)]);
  } catch (error) {
    if (lease.isLost || error instanceof LeaseLostError) return "lost";
    // What Redis would not take is no fault of the workspace: the same cycle goes on from its journal.
    if (handover.aborted || error instanceof CoordinatorUnavailableError) return { outcome: "handover" };
    if (error instanceof CycleStopAskedError) return { outcome: "canceled" };
    const { retryable, retryAfterMs, alert } =
      error instanceof ProvisionerError ? error : { retryable: true, retryAfterMs: undefined, alert: undefined };
    if (alert) logger.error({ err: error }, `cycle ${lease.cycle.cycleId} needs somebody to look at it`);
    return { outcome: "failed", error: messageOf(error), retryable, retryAfterMs };
  } finally {
    clearTimeout(timer);
    for (const end of unfollow) end();
  }
}

/** Aborts when the signal does, until what it returns is called. */
function follow(stop: AbortController, signal: AbortSignal): () => void {
  const abort = () => stop.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  return () => signal.removeEventListener("abort", abort);
}

/** Rejects with the signal's reason once it fires. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function tooLate(stop: AbortController, deadlineMs: number): void {
  stop.abort(new ProvisionerError(`took longer than ${deadlineMs} ms`, { retryable: true }));
}

async function act(
  cycle: Cycle,
  lease: CycleLease,
  provisioner: Provisioner,
  settings: AttemptSettings,
): Promise<AttemptResult> {
  const { action, workspace } = lease.cycle;
  const isOurs = workspace.runtime !== "external";
  if (action === "restart") {
    // Once something may have been touched, finishing is safer than declining.
    if (cycle.journal === undefined) {
      const preflight = await provisioner.preflight(cycle);
      if (!preflight.ok) return { outcome: "declined", error: preflight.reason };
    }
    cycle.safePoint();
    const { instance } = await provisioner.restart(cycle);
    assertJson(instance, provisioner.name);
    return { outcome: "ok", instance };
  }
  if (isOurs) await provisioner.stop(cycle);
  if (action === "remove") {
    await cycle.record({ step: "REMOVING_FILES" });
    await settings.removeFiles(lease.workspaceId);
  }
  return { outcome: "ok" };
}

function assertJson(instance: unknown, provisioner: string): void {
  try {
    JSON.stringify(instance);
  } catch (cause) {
    const message = `the instance that the provisioner ${provisioner} reported cannot be written as JSON`;
    throw new ProvisionerError(message, { retryable: false, cause });
  }
}

const MESSAGE_CHARACTERS = 2_000;

/** Reads what was thrown, whatever it was: it need not be an error, nor readable. */
function messageOf(error: unknown): string {
  try {
    const message =
      error instanceof Error ? String(error.message) : `threw ${inspect(error, { breakLength: Infinity })}`;
    return message.slice(0, MESSAGE_CHARACTERS) || "failed without a message";
  } catch {
    return "failed with an error that cannot be read";
  }
}
