import type { RestartCoordinator } from "@restart-coordinator/debounce";
import { IntervalLoop } from "@restart-coordinator/service";
import type { Logger } from "pino";
import type { CreatedProvisioner } from "./provisioners/create.ts";

export interface ReconcileOptions {
  /** Undefined where nothing can leak. */
  readonly reconcile: CreatedProvisioner["reconcile"];
  readonly coordinator: RestartCoordinator;
  /** Between two passes, ms; 0 = none. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/**
 * The loop that compares, now and then, what runs with what is recorded. Every worker does: what it finds is told, not acted
 * on twice.
 */
export function reconcileLoop({
  reconcile,
  coordinator,
  intervalMs,
  logger,
}: ReconcileOptions): IntervalLoop | undefined {
  if (reconcile === undefined || intervalMs === 0) return undefined;
  return new IntervalLoop({
    name: "the comparison of what runs with what is recorded",
    pass: (stopping) => reconcile(() => recordsOf(coordinator, stopping)),
    intervalMs,
    firstAfterMs: intervalMs,
    logger,
  });
}

async function recordsOf({ registry }: RestartCoordinator, stopping: AbortSignal) {
  const records = [];
  for await (const { id, snapshot } of registry.snapshots()) {
    stopping.throwIfAborted();
    const { workspace, state, journal } = snapshot;
    records.push({
      workspaceId: id,
      instance: parsed(workspace.instance),
      journals: journal === undefined ? [] : [parsed(journal)],
      busy: state.cycle !== undefined,
    });
  }
  return records;
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
