import {
  AttachVolumeCommand,
  CreateReplaceRootVolumeTaskCommand,
  CreateTagsCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeReplaceRootVolumeTasksCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  type Filter,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { given } from "./answers.ts";
import type { CallOptions, DryRun, Ec2Api, Instance, LaunchCall, ReplaceRootCall } from "./api.ts";
import { meaningOf } from "./errors.ts";
import { Ec2Requests, type RequestOptions } from "./requests.ts";
import { batchesOf, instanceOf, subnetOf, templateVersionOf, volumeOf } from "./sdk-views.ts";

/** A filter takes this many values; DescribeInstanceStatus this many ids. */
const FILTER_VALUES = 200;
const STATUS_IDS = 100;

export interface Ec2Connection extends Ec2Api {
  /** Why no call would be answered now; undefined while EC2 answers. */
  trouble(): string | undefined;
  /** Closes its connections. */
  close(): void;
}

/** EC2 through the SDK. */
export function connectEc2(options: RequestOptions = {}): Ec2Connection {
  const requests = new Ec2Requests(options);

  async function describe(filters: Filter[], options?: CallOptions): Promise<Instance[]> {
    const instances: Instance[] = [];
    let NextToken: string | undefined;
    do {
      const command = new DescribeInstancesCommand({ Filters: filters, MaxResults: 1_000, NextToken });
      const answer = await requests.send(command, options);
      for (const { Instances = [] } of answer.Reservations ?? []) instances.push(...Instances.map(instanceOf));
      NextToken = answer.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
    return instances;
  }

  return {
    trouble: () => requests.trouble(),
    close: () => requests.close(),

    async runInstances(launch, options) {
      const { Instances = [] } = await requests.send(new RunInstancesCommand(launchInput(launch)), options);
      return instanceOf(given(Instances[0], "an instance"));
    },

    async terminateInstances(ids, options) {
      await requests.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }), options);
    },

    async startInstance(id, options) {
      await requests.send(new StartInstancesCommand({ InstanceIds: [id] }), options);
    },

    async stopInstance(id, options) {
      await requests.send(new StopInstancesCommand({ InstanceIds: [id] }), options);
    },

    async rebootInstance(id, options) {
      await requests.send(new RebootInstancesCommand({ InstanceIds: [id] }), options);
    },

    async createTags(ids, tags, options) {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await requests.send(new CreateTagsCommand({ Resources: [...ids], Tags }), options);
    },

    async attachVolume(volumeId, instanceId, device, options) {
      const input = { VolumeId: volumeId, InstanceId: instanceId, Device: device };
      await requests.send(new AttachVolumeCommand(input), options);
    },

    async detachVolume(volumeId, instanceId, options) {
      await requests.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId }), options);
    },

    async createReplaceRootVolumeTask(call, options) {
      const answer = await requests.send(new CreateReplaceRootVolumeTaskCommand(replaceRootInput(call)), options);
      return given(answer.ReplaceRootVolumeTask?.ReplaceRootVolumeTaskId, "a task's id");
    },

    async describeInstances(ids, options) {
      const found = new Map<string, Instance>();
      // By filter, not by id: one id that EC2 does not know would fail the call for all the others.
      for (const batch of batchesOf(ids, FILTER_VALUES)) {
        const instances = await describe([{ Name: "instance-id", Values: batch }], options);
        for (const instance of instances) found.set(instance.id, instance);
      }
      return found;
    },

    findInstances({ tags, states }, options) {
      const filters: Filter[] = Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
      if (states !== undefined) filters.push({ Name: "instance-state-name", Values: [...states] });
      return describe(filters, options);
    },

    async describeStatusChecks(ids, options) {
      const found = new Map<string, "ok" | "impaired" | "pending">();
      for (const batch of batchesOf(ids, STATUS_IDS)) {
        const command = new DescribeInstanceStatusCommand({ InstanceIds: batch, IncludeAllInstances: true });
        const { InstanceStatuses = [] } = await requests.send(command, options);
        for (const { InstanceId, InstanceStatus, SystemStatus } of InstanceStatuses) {
          const both = [InstanceStatus?.Status, SystemStatus?.Status];
          const status = both.every((one) => one === "ok") ? "ok" : both.includes("impaired") ? "impaired" : "pending";
          found.set(given(InstanceId, "an instance's id"), status);
        }
      }
      return found;
    },

    async describeVolumes(ids, options) {
      if (ids.length === 0) return new Map();
      const command = new DescribeVolumesCommand({ Filters: [{ Name: "volume-id", Values: [...ids] }] });
      const { Volumes = [] } = await requests.send(command, options);
      return new Map(Volumes.map(volumeOf).map((volume) => [volume.id, volume]));
    },

    async describeSubnets(ids, options) {
      if (ids.length === 0) return new Map();
      const command = new DescribeSubnetsCommand({ Filters: [{ Name: "subnet-id", Values: [...ids] }] });
      const { Subnets = [] } = await requests.send(command, options);
      return new Map(Subnets.map(subnetOf).map((subnet) => [subnet.id, subnet]));
    },

    async describeImage(id, options) {
      const command = new DescribeImagesCommand({ Filters: [{ Name: "image-id", Values: [id] }] });
      const { Images = [] } = await requests.send(command, options);
      return Images[0] && given(Images[0].State, "the image's state");
    },

    async describeTemplate({ id, name, version }, options) {
      const command = new DescribeLaunchTemplateVersionsCommand({
        ...(id === undefined ? { LaunchTemplateName: name } : { LaunchTemplateId: id }),
        Versions: [version],
        ResolveAlias: true,
      });
      try {
        const { LaunchTemplateVersions = [] } = await requests.send(command, options);
        return LaunchTemplateVersions[0] && templateVersionOf(LaunchTemplateVersions[0]);
      } catch (error) {
        if (/^InvalidLaunchTemplate(Id|Name)\..*NotFound/.test((error as Error).name)) return undefined;
        throw error;
      }
    },

    async describeReplaceRootTask(taskId, options) {
      const command = new DescribeReplaceRootVolumeTasksCommand({ ReplaceRootVolumeTaskIds: [taskId] });
      const { ReplaceRootVolumeTasks = [] } = await requests.send(command, options);
      return ReplaceRootVolumeTasks[0] && given(ReplaceRootVolumeTasks[0].TaskState, "the task's state");
    },

    async isProtected(id, from, options) {
      const Attribute = from === "termination" ? "disableApiTermination" : "disableApiStop";
      const command = new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute });
      const { DisableApiTermination, DisableApiStop } = await requests.send(command, options);
      return given((from === "termination" ? DisableApiTermination : DisableApiStop)?.Value, Attribute);
    },

    async dryRun(dryRun, options) {
      try {
        await sendDryRun(requests, dryRun, options);
      } catch (error) {
        if (meaningOf(error).kind !== "dry-run") throw error;
      }
    },
  };
}

/** EC2 answers none of them with a success: it says "DryRunOperation", or why not. */
function sendDryRun(requests: Ec2Requests, dryRun: DryRun, options: CallOptions | undefined): Promise<unknown> {
  const DryRun = true;
  // The SDK then makes one up: two dry runs never repeat each other.
  const newToken = { ClientToken: undefined };
  switch (dryRun.call) {
    case "RunInstances":
      return requests.send(new RunInstancesCommand({ ...launchInput(dryRun.launch), ...newToken, DryRun }), options);
    case "CreateReplaceRootVolumeTask":
      return requests.send(
        new CreateReplaceRootVolumeTaskCommand({ ...replaceRootInput(dryRun.replaceRoot), ...newToken, DryRun }),
        options,
      );
    case "DetachVolume": {
      const input = { VolumeId: dryRun.volumeId, InstanceId: dryRun.instanceId, DryRun };
      return requests.send(new DetachVolumeCommand(input), options);
    }
    case "TerminateInstances":
      return requests.send(new TerminateInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), options);
    case "StopInstances":
      return requests.send(new StopInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), options);
    case "StartInstances":
      return requests.send(new StartInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), options);
    case "RebootInstances":
      return requests.send(new RebootInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), options);
  }
}

function launchInput({ request, clientToken, userData }: LaunchCall): RunInstancesCommandInput {
  return { ...request, ClientToken: clientToken, ...(userData !== undefined && { UserData: userData }) };
}

/** The old root volume is deleted: kept ones would pile up, one a restart. */
function replaceRootInput({ instanceId, clientToken, imageId }: ReplaceRootCall) {
  return {
    InstanceId: instanceId,
    ClientToken: clientToken,
    DeleteReplacedRootVolume: true,
    ...(imageId !== undefined && { ImageId: imageId }),
  };
}
