/** The SDK's answers, cut down to what the provisioner reads. */
import type * as sdk from "@aws-sdk/client-ec2";
import type { Instance, InstanceState, Subnet, TemplateVersion, Volume } from "./api.ts";

export function instanceOf(given: sdk.Instance): Instance {
  const { StateReason: reason } = given;
  return {
    id: given.InstanceId ?? "",
    state: (given.State?.Name ?? "pending") as InstanceState,
    tags: Object.fromEntries((given.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value])),
    clientToken: given.ClientToken,
    launchedAt: given.LaunchTime?.toISOString(),
    imageId: given.ImageId,
    type: given.InstanceType,
    subnetId: given.SubnetId,
    zone: given.Placement?.AvailabilityZone,
    privateIp: given.PrivateIpAddress,
    publicIp: given.PublicIpAddress,
    privateDns: given.PrivateDnsName,
    publicDns: given.PublicDnsName,
    rootDeviceType: given.RootDeviceType,
    spot: given.InstanceLifecycle === "spot",
    volumeIds: (given.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.VolumeId ?? []),
    stateReason: reason?.Code ? `${reason.Code}: ${reason.Message ?? ""}` : undefined,
  };
}

export function volumeOf(given: sdk.Volume): Volume {
  return {
    id: given.VolumeId ?? "",
    state: given.State ?? "",
    zone: given.AvailabilityZone,
    attachments: (given.Attachments ?? []).map(({ InstanceId = "", State = "" }) => ({
      instanceId: InstanceId,
      state: State,
    })),
  };
}

export function subnetOf(given: sdk.Subnet): Subnet {
  return { id: given.SubnetId ?? "", zone: given.AvailabilityZone, freeAddresses: given.AvailableIpAddressCount ?? 0 };
}

export function templateVersionOf(given: sdk.LaunchTemplateVersion): TemplateVersion {
  const data = given.LaunchTemplateData ?? {};
  const interfaces = data.NetworkInterfaces ?? [];
  return {
    templateId: given.LaunchTemplateId ?? "",
    version: given.VersionNumber ?? 0,
    imageId: data.ImageId,
    instanceType: data.InstanceType,
    hopLimit: data.MetadataOptions?.HttpPutResponseHopLimit,
    singleAttach: interfaces.some(
      (one) => Boolean(one.NetworkInterfaceId || one.PrivateIpAddress) || (one.PrivateIpAddresses ?? []).length > 0,
    ),
    hasNetworkInterfaces: interfaces.length > 0,
  };
}

export function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < items.length; from += size) batches.push(items.slice(from, from + size));
  return batches;
}
