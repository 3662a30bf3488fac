/** What a provisioner is, as whoever writes one of his own knows it. */
export {
  type Cycle,
  type Journal,
  type PlannedCycle,
  type Preflight,
  type Provisioner,
  ProvisionerError,
  type RestartResult,
  type Workspace,
} from "@restart-coordinator/worker";
