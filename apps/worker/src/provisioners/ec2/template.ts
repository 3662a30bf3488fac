import type { ResolvedEc2Spec } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, Ec2Api, TemplateVersion } from "./api.ts";

/** The version that the spec means now, as a number. @throws ProvisionerError (permanent) when there is no such template */
export async function resolveTemplate(
  api: Ec2Api,
  workspaceId: string,
  spec: ResolvedEc2Spec,
  options?: CallOptions,
): Promise<TemplateVersion | undefined> {
  if (spec.launchTemplate === undefined) return undefined;
  const { id, name, version } = spec.launchTemplate;
  const template = await api.describeTemplate({ id, name, version: String(version) }, options);
  if (template !== undefined) return template;
  const message = `workspace ${workspaceId}: spec.launchTemplate: no ${id ?? name} with version ${version} in this region`;
  throw new ProvisionerError(message, { retryable: false });
}
