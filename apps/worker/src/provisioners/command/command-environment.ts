import { join, resolve } from "node:path";
import type { Argv, ResolvedCommandSpec } from "@restart-coordinator/provisioner-specs";
import { baseEnvironment } from "../host-environment.ts";
import { type PlannedCycle, ProvisionerError, type Workspace } from "../provisioner.ts";

/** Makes the whole environment of a command. Outside a cycle (`status`) nothing of one is in it. */
export function commandEnvironment(
  spec: ResolvedCommandSpec,
  workspacesDir: string,
  workspace: Workspace,
  cycle: PlannedCycle | undefined,
): Record<string, string> {
  return {
    ...baseEnvironment(spec.env),
    WORKSPACE_ID: workspace.id,
    WORKSPACE_FILES: join(resolve(workspacesDir), workspace.id),
    ...(cycle !== undefined && {
      RESTART_ACTION: cycle.action,
      RESTART_CYCLE_ID: cycle.id,
      RESTART_ATTEMPT: String(cycle.attempt),
      RESTART_FENCING_TOKEN: String(cycle.fencingToken),
    }),
  };
}

/**
 * Fills the placeholders of the arguments in. A workspace may be called `--all`: an argument that only its id would
 * make an option is refused.
 * @throws ProvisionerError naming that argument
 */
export function fillIn(argv: Argv, workspace: Workspace, cycle: PlannedCycle | undefined): string[] {
  const [executable, ...args] = argv;
  const filled = args.map((template) => {
    const arg = template.replaceAll("{workspaceId}", workspace.id).replaceAll("{cycleId}", cycle?.id ?? "");
    if (!arg.startsWith("-") || template.startsWith("-")) return arg;
    const message = `workspace ${workspace.id}: its id would make ${JSON.stringify(template)} an option of ${executable}`;
    throw new ProvisionerError(message, { retryable: false });
  });
  return [executable, ...filled];
}
