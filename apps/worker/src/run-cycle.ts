/** Runs one attempt at a cycle through the provisioner, and tells how it ended. Writes no state itself. */
import { inspect } from "node:util";
import {
  type AttemptResult,
  CoordinatorUnavailableError,
  type CycleLease,
  CycleStopAskedError,
  LeaseLostError,
} from "@restart-coordinator/debounce";
import type { Logger } from "pino";
import {
  type Cycle,
  type Journal,
  type Provisioner,
  ProvisionerError,
  type Workspace,
} from "./provisioners/provisioner.ts";

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

export interface CycleStep {
  readonly cycleId: string;
  readonly attempt: number;
  readonly name: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** "lost" when the lease went while it ran: another worker may act already, and nothing more is to be written. */
export async function runAttempt(
  lease: CycleLease,
  provisioner: Provisioner,
  settings: AttemptSettings,
  logger: Logger,
): Promise<AttemptResult | "lost"> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new ProvisionerError(`took longer than ${settings.deadlineMs} ms`, { retryable: true })),
    settings.deadlineMs,
  );
  const signal = AbortSignal.any([lease.signal, deadline.signal, settings.handover]);
  const cycle = cycleFor(lease, signal, settings, logger);
  try {
    const work = act(cycle, lease, provisioner, settings);
    // A provisioner that does not heed the signal is not waited for: its token is refused once another one was given.
    return await Promise.race([work, rejectionOf(signal)]);
  } catch (error) {
    if (lease.signal.aborted || error instanceof LeaseLostError) return "lost";
    // What Redis would not take is no fault of the workspace: the same cycle goes on from its journal.
    if (settings.handover.aborted || error instanceof CoordinatorUnavailableError) return { outcome: "handover" };
    if (error instanceof CycleStopAskedError) return { outcome: "canceled" };
    const { retryable, retryAfterMs, alert } =
      error instanceof ProvisionerError ? error : { retryable: true, retryAfterMs: undefined, alert: undefined };
    if (alert) logger.error({ err: error }, `cycle ${lease.cycle.cycleId} needs somebody to look at it`);
    return { outcome: "failed", error: messageOf(error), retryable, retryAfterMs };
  } finally {
    clearTimeout(timer);
  }
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

function cycleFor(lease: CycleLease, signal: AbortSignal, settings: AttemptSettings, logger: Logger): Cycle {
  const { cycleId, fencingToken, attempt, journal, leftover } = lease.cycle;
  const step = (name: string, detail: Readonly<Record<string, unknown>> = {}): void => {
    logger.info({ step: name, detail }, `cycle ${cycleId}: ${name}`);
    lease.step(name, detail);
    settings.onStep({ cycleId, attempt, name, detail });
  };
  return {
    workspace: workspaceOf(lease),
    id: cycleId,
    action: lease.cycle.action,
    fencingToken,
    attempt,
    signal,
    journal: journal === undefined ? undefined : (JSON.parse(journal) as Journal),
    leftover: leftover === undefined ? undefined : (JSON.parse(leftover) as Journal),
    step,
    safePoint: () => lease.safePoint(),
    async record(entry) {
      signal.throwIfAborted();
      await lease.record(encode(entry));
      signal.throwIfAborted();
    },
  };
}

const JOURNAL_BYTES = 16_384;

function encode(journal: Journal): string {
  const json = JSON.stringify(journal);
  if (Buffer.byteLength(json) <= JOURNAL_BYTES) return json;
  throw new ProvisionerError(`the journal entry ${journal.step} is larger than ${JOURNAL_BYTES} bytes`, {
    retryable: false,
  });
}

function assertJson(instance: unknown, provisioner: string): void {
  try {
    JSON.stringify(instance);
  } catch (cause) {
    const message = `the instance that the provisioner ${provisioner} reported cannot be written as JSON`;
    throw new ProvisionerError(message, { retryable: false, cause });
  }
}

function workspaceOf(lease: CycleLease): Workspace {
  const { spec, instance } = lease.cycle.workspace;
  return {
    id: lease.workspaceId,
    spec: spec === undefined ? {} : (JSON.parse(spec) as Record<string, unknown>),
    instance: instance === undefined ? undefined : (JSON.parse(instance) as Record<string, unknown>),
  };
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const MESSAGE_CHARACTERS = 2_000;

/** Whatever was thrown: it need not be an error, nor readable. */
function messageOf(error: unknown): string {
  try {
    const message =
      error instanceof Error ? String(error.message) : `threw ${inspect(error, { breakLength: Infinity })}`;
    return message.slice(0, MESSAGE_CHARACTERS) || "failed without a message";
  } catch {
    return "failed with an error that cannot be read";
  }
}
