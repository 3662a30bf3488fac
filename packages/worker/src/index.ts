/** A worker in somebody's own process, and what a provisioner is. */
export type { Sighting } from "@restart-coordinator/debounce";
export type { Log } from "./log.ts";
export {
  type Cycle,
  type Journal,
  type PlannedCycle,
  type Preflight,
  type Provisioner,
  ProvisionerError,
  type RestartResult,
  type Workspace,
} from "./provisioner.ts";
export { type AttemptSettings, runAttempt } from "./run-attempt.ts";
export type { CycleStep } from "./running-cycle.ts";
export { startWorker, type Worker, type WorkerOptions } from "./start-worker.ts";
export { WrongInstallationError } from "./wrong-installation-error.ts";
