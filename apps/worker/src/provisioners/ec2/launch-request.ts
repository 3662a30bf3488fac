/** What RunInstances is asked for: built once per attempt, then frozen in the journal. */

import type { ResolvedEc2Spec } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import type { LaunchRequest, TemplateVersion } from "./api.ts";
import { clientToken } from "./client-token.ts";
import type { Launch } from "./journal.ts";
import { cycleTags, type Identity, identityTags } from "./tags.ts";
import { type RenderedUserData, renderUserData, USER_DATA_BYTES, userDataBytes } from "./user-data.ts";

export interface Candidate {
  /** The template's, without it. */
  readonly type: string | undefined;
  /** The template's or the default one, without it. */
  readonly subnetId: string | undefined;
}

/** Every type in every subnet, in the order to be tried: the first type everywhere before the second. */
export function candidatesOf(types: readonly string[], subnetIds: readonly string[]): readonly Candidate[] {
  const orNone = (list: readonly string[]) => (list.length > 0 ? list : [undefined]);
  return orNone(types).flatMap((type) => orNone(subnetIds).map((subnetId) => ({ type, subnetId })));
}

export function describeCandidate({ type, subnetId }: Candidate): string {
  return `${type ?? "the template's type"} in ${subnetId ?? "the template's or default subnet"}`;
}

export interface LaunchParts {
  readonly identity: Identity;
  readonly cycle: { readonly id: string; readonly fencingToken: number };
  readonly spec: ResolvedEc2Spec;
  readonly template: TemplateVersion | undefined;
  readonly candidate: Candidate;
  /** Counts the cycle's launches, from 1. */
  readonly attempt: number;
}

export function planLaunch({ identity, cycle, spec, template, candidate, attempt }: LaunchParts): Launch {
  return {
    cycleId: cycle.id,
    clientToken: clientToken({ ...identity, cycleId: cycle.id, attempt, call: "launch" }),
    request: launchRequest(identity, cycle, spec, template, candidate),
    userDataHash: userDataOf(spec, identity.workspaceId, cycle.id).hash,
    at: Date.now(),
  };
}

/** @throws ProvisionerError (permanent) when it is too large for EC2 */
export function userDataOf(spec: ResolvedEc2Spec, workspaceId: string, cycleId: string): RenderedUserData {
  const rendered = renderUserData(spec.userData, { workspaceId, cycleId });
  if (userDataBytes(rendered) <= USER_DATA_BYTES) return rendered;
  throw new ProvisionerError(
    `workspace ${workspaceId}: spec.userData: more than ${USER_DATA_BYTES} bytes once rendered`,
    {
      retryable: false,
    },
  );
}

function launchRequest(
  identity: Identity,
  cycle: LaunchParts["cycle"],
  spec: ResolvedEc2Spec,
  template: TemplateVersion | undefined,
  { type, subnetId }: Candidate,
): LaunchRequest {
  const Tags = Object.entries({ ...spec.tags, ...identityTags(identity), ...cycleTags(cycle) }).map(([Key, Value]) => ({
    Key,
    Value,
  }));
  // The template's image, too: an alias may lead elsewhere by the time the launch is repeated.
  const imageId = spec.imageId ?? (template?.imageId?.startsWith("ami-") ? template.imageId : undefined);
  const hopLimit = spec.metadataHopLimit ?? template?.hopLimit;
  const { instanceProfile, keyName, securityGroupIds } = spec;
  return {
    MinCount: 1,
    MaxCount: 1,
    // The version as a number: "$Latest" may be another one by then.
    ...(template && { LaunchTemplate: { LaunchTemplateId: template.templateId, Version: String(template.version) } }),
    ...(imageId !== undefined && { ImageId: imageId }),
    ...(type !== undefined && { InstanceType: type as LaunchRequest["InstanceType"] }),
    ...(subnetId !== undefined && { SubnetId: subnetId }),
    ...(securityGroupIds.length > 0 && { SecurityGroupIds: [...securityGroupIds] }),
    ...(instanceProfile !== undefined && {
      IamInstanceProfile: instanceProfile.startsWith("arn:") ? { Arn: instanceProfile } : { Name: instanceProfile },
    }),
    ...(keyName !== undefined && { KeyName: keyName }),
    MetadataOptions: {
      HttpEndpoint: "enabled",
      HttpTokens: "required",
      ...(hopLimit !== undefined && { HttpPutResponseHopLimit: hopLimit }),
      ...(spec.metadataTags && { InstanceMetadataTags: "enabled" }),
    },
    TagSpecifications: [
      { ResourceType: "instance", Tags },
      { ResourceType: "volume", Tags },
    ],
  };
}
