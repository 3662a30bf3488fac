/** The SDK's answers, cut down to what the provisioner reads. */
import type * as sdk from "@aws-sdk/client-ec2";
import { given } from "./answers.ts";
import type { Instance, InstanceState, Subnet, TemplateVersion, Volume } from "./api.ts";

export function instanceOf(shown: sdk.Instance): Instance {
  const { StateReason: reason } = shown;
  return {
    id: given(shown.InstanceId, "the instance's id"),
    state: given(shown.State?.Name, "the instance's state") as InstanceState,
    tags: Object.fromEntries((shown.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value])),
    clientToken: shown.ClientToken,
    launchedAt: shown.LaunchTime?.toISOString(),
    imageId: shown.ImageId,
    type: shown.InstanceType,
    subnetId: shown.SubnetId,
    zone: shown.Placement?.AvailabilityZone,
    privateIp: shown.PrivateIpAddress,
    publicIp: shown.PublicIpAddress,
    privateDns: shown.PrivateDnsName,
    publicDns: shown.PublicDnsName,
    rootDeviceType: shown.RootDeviceType,
    spot: shown.InstanceLifecycle === "spot",
    volumeIds: (shown.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.VolumeId ?? []),
    stateReason: reason?.Code ? `${reason.Code}: ${reason.Message ?? ""}` : undefined,
  };
}

export function volumeOf(shown: sdk.Volume): Volume {
  return {
    id: given(shown.VolumeId, "the volume's id"),
    state: given(shown.State, "the volume's state"),
    zone: shown.AvailabilityZone,
    attachments: (shown.Attachments ?? []).map(({ InstanceId = "", State = "" }) => ({
      instanceId: InstanceId,
      state: State,
    })),
  };
}

export function subnetOf(shown: sdk.Subnet): Subnet {
  return {
    id: given(shown.SubnetId, "the subnet's id"),
    zone: shown.AvailabilityZone,
    freeAddresses: given(shown.AvailableIpAddressCount, "the subnet's free addresses"),
  };
}

export function templateVersionOf(shown: sdk.LaunchTemplateVersion): TemplateVersion {
  const data = shown.LaunchTemplateData ?? {};
  const interfaces = data.NetworkInterfaces ?? [];
  return {
    templateId: given(shown.LaunchTemplateId, "the template's id"),
    version: given(shown.VersionNumber, "the template's version"),
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
