/** What a restart of this workspace comes to, now that its instance and its template are known. */

import type { ResolvedEc2Spec, StrategyName } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import type { Instance, TemplateVersion } from "./api.ts";
import { IN_PLACE } from "./journal.ts";

/** @throws ProvisionerError (permanent) when the strategy cannot be followed */
export function courseFor(
  workspaceId: string,
  spec: ResolvedEc2Spec,
  current: Instance | undefined,
  template: TemplateVersion | undefined,
): StrategyName {
  const { strategy } = spec;
  if (IN_PLACE.has(strategy)) {
    if (current === undefined) {
      if (spec.launchTemplate !== undefined || spec.imageId !== undefined) return "recreate";
      throw refusal(workspaceId, `there is no instance to ${strategy}, and no launchTemplate or imageId to launch one`);
    }
    // A reboot does not start what a pause has stopped.
    const isDown = current.state === "stopped" || current.state === "stopping";
    return strategy === "reboot" && isDown ? "stop-start" : strategy;
  }
  if (strategy === "replace" && template?.singleAttach) {
    if (!spec.strategyGiven) return "recreate";
    throw refusal(
      workspaceId,
      "spec.strategy: the launch template fixes a network interface or a private address, which two instances cannot " +
        "have at once; use recreate",
    );
  }
  return strategy;
}

function refusal(workspaceId: string, message: string): ProvisionerError {
  return new ProvisionerError(`workspace ${workspaceId}: ${message}`, { retryable: false });
}
