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
  EC2Client,
  type EC2ClientConfig,
  type Filter,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type {
  CallOptions,
  DryRun,
  Ec2Api,
  Instance,
  InstanceFilter,
  LaunchCall,
  Protection,
  ReplaceRootCall,
  ReplaceRootState,
  Subnet,
  TemplateVersion,
  Volume,
} from "./api.ts";
import { meaningOf } from "./errors.ts";
import { batchesOf, instanceOf, subnetOf, templateVersionOf, volumeOf } from "./sdk-views.ts";

export interface SdkApiOptions {
  /** Where to go instead of AWS. */
  readonly endpoint?: string | undefined;
  /** How long one call may take, ms. */
  readonly requestTimeoutMs?: number;
}

/** A filter takes this many values; DescribeInstanceStatus this many ids. */
const FILTER_VALUES = 200;
const STATUS_IDS = 100;

/** EC2 through the SDK, one attempt a call. Credentials and region come from its ordinary chain. */
export class SdkEc2Api implements Ec2Api {
  readonly #client: EC2Client;

  constructor({ endpoint, requestTimeoutMs = 30_000 }: SdkApiOptions = {}) {
    const config: EC2ClientConfig = {
      ...(endpoint !== undefined && { endpoint }),
      requestHandler: { requestTimeout: requestTimeoutMs, connectionTimeout: 5_000, throwOnRequestTimeout: true },
    };
    // What is repeated, the pacing decides (and a launch's caller): the SDK would repeat past the account's limits, and a
    // lack of capacity, too, which comes as an HTTP 500.
    this.#client = new EC2Client({ ...config, maxAttempts: 1 });
  }

  /** Closes its connections. */
  close(): void {
    this.#client.destroy();
  }

  async runInstances(launch: LaunchCall, options?: CallOptions): Promise<Instance> {
    const { Instances } = await this.#client.send(new RunInstancesCommand(launchInput(launch)), abortOf(options));
    const instance = Instances?.[0];
    if (instance === undefined) throw new Error("RunInstances answered without an instance");
    return instanceOf(instance);
  }

  async terminateInstances(ids: readonly string[], options?: CallOptions): Promise<void> {
    await this.#client.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }), abortOf(options));
  }

  async startInstance(id: string, options?: CallOptions): Promise<void> {
    await this.#client.send(new StartInstancesCommand({ InstanceIds: [id] }), abortOf(options));
  }

  async stopInstance(id: string, options?: CallOptions): Promise<void> {
    await this.#client.send(new StopInstancesCommand({ InstanceIds: [id] }), abortOf(options));
  }

  async rebootInstance(id: string, options?: CallOptions): Promise<void> {
    await this.#client.send(new RebootInstancesCommand({ InstanceIds: [id] }), abortOf(options));
  }

  async createTags(
    ids: readonly string[],
    tags: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<void> {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    await this.#client.send(new CreateTagsCommand({ Resources: [...ids], Tags }), abortOf(options));
  }

  async attachVolume(volumeId: string, instanceId: string, device: string, options?: CallOptions): Promise<void> {
    const input = { VolumeId: volumeId, InstanceId: instanceId, Device: device };
    await this.#client.send(new AttachVolumeCommand(input), abortOf(options));
  }

  async detachVolume(volumeId: string, instanceId: string, options?: CallOptions): Promise<void> {
    await this.#client.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId }), abortOf(options));
  }

  async createReplaceRootVolumeTask(call: ReplaceRootCall, options?: CallOptions): Promise<string> {
    const command = new CreateReplaceRootVolumeTaskCommand(replaceRootInput(call));
    const id = (await this.#client.send(command, abortOf(options))).ReplaceRootVolumeTask?.ReplaceRootVolumeTaskId;
    if (id === undefined) throw new Error("CreateReplaceRootVolumeTask answered without a task");
    return id;
  }

  async describeInstances(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Instance>> {
    const found = new Map<string, Instance>();
    // By filter, not by id: one id that EC2 does not know would fail the call for all the others.
    for (const batch of batchesOf(ids, FILTER_VALUES)) {
      const instances = await this.#describe([{ Name: "instance-id", Values: batch }], options);
      for (const instance of instances) found.set(instance.id, instance);
    }
    return found;
  }

  async findInstances({ tags, states }: InstanceFilter, options?: CallOptions): Promise<readonly Instance[]> {
    const filters: Filter[] = Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
    if (states !== undefined) filters.push({ Name: "instance-state-name", Values: [...states] });
    return this.#describe(filters, options);
  }

  async describeStatusChecks(ids: readonly string[], options?: CallOptions) {
    const found = new Map<string, "ok" | "impaired" | "pending">();
    for (const batch of batchesOf(ids, STATUS_IDS)) {
      const command = new DescribeInstanceStatusCommand({ InstanceIds: batch, IncludeAllInstances: true });
      const { InstanceStatuses = [] } = await this.#client.send(command, abortOf(options));
      for (const { InstanceId, InstanceStatus, SystemStatus } of InstanceStatuses) {
        const both = [InstanceStatus?.Status, SystemStatus?.Status];
        const status = both.every((one) => one === "ok") ? "ok" : both.includes("impaired") ? "impaired" : "pending";
        found.set(InstanceId ?? "", status);
      }
    }
    return found;
  }

  async describeVolumes(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Volume>> {
    if (ids.length === 0) return new Map();
    const command = new DescribeVolumesCommand({ Filters: [{ Name: "volume-id", Values: [...ids] }] });
    const { Volumes = [] } = await this.#client.send(command, abortOf(options));
    return new Map(Volumes.map(volumeOf).map((volume) => [volume.id, volume]));
  }

  async describeSubnets(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Subnet>> {
    if (ids.length === 0) return new Map();
    const command = new DescribeSubnetsCommand({ Filters: [{ Name: "subnet-id", Values: [...ids] }] });
    const { Subnets = [] } = await this.#client.send(command, abortOf(options));
    return new Map(Subnets.map(subnetOf).map((subnet) => [subnet.id, subnet]));
  }

  async describeImage(id: string, options?: CallOptions): Promise<string | undefined> {
    const command = new DescribeImagesCommand({ Filters: [{ Name: "image-id", Values: [id] }] });
    return (await this.#client.send(command, abortOf(options))).Images?.[0]?.State;
  }

  async describeTemplate(
    template: { readonly id?: string | undefined; readonly name?: string | undefined; readonly version: string },
    options?: CallOptions,
  ): Promise<TemplateVersion | undefined> {
    const command = new DescribeLaunchTemplateVersionsCommand({
      ...(template.id === undefined ? { LaunchTemplateName: template.name } : { LaunchTemplateId: template.id }),
      Versions: [template.version],
      ResolveAlias: true,
    });
    try {
      const version = (await this.#client.send(command, abortOf(options))).LaunchTemplateVersions?.[0];
      return version === undefined ? undefined : templateVersionOf(version);
    } catch (error) {
      if (/^InvalidLaunchTemplate(Id|Name)\..*NotFound/.test((error as Error).name)) return undefined;
      throw error;
    }
  }

  async describeReplaceRootTask(taskId: string, options?: CallOptions): Promise<ReplaceRootState | undefined> {
    const command = new DescribeReplaceRootVolumeTasksCommand({ ReplaceRootVolumeTaskIds: [taskId] });
    const { ReplaceRootVolumeTasks } = await this.#client.send(command, abortOf(options));
    return ReplaceRootVolumeTasks?.[0]?.TaskState as ReplaceRootState | undefined;
  }

  async isProtected(id: string, from: Protection, options?: CallOptions): Promise<boolean> {
    const Attribute = from === "termination" ? "disableApiTermination" : "disableApiStop";
    const command = new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute });
    const { DisableApiTermination, DisableApiStop } = await this.#client.send(command, abortOf(options));
    return (from === "termination" ? DisableApiTermination : DisableApiStop)?.Value === true;
  }

  async dryRun(dryRun: DryRun, options?: CallOptions): Promise<void> {
    try {
      await this.#sendDryRun(dryRun, options);
    } catch (error) {
      if (meaningOf(error).kind !== "dry-run") throw error;
    }
  }

  #sendDryRun(dryRun: DryRun, options: CallOptions | undefined): Promise<unknown> {
    const DryRun = true;
    // The SDK then makes one up: two dry runs never repeat each other.
    const newToken = { ClientToken: undefined };
    const abort = abortOf(options);
    switch (dryRun.call) {
      case "RunInstances":
        return this.#client.send(
          new RunInstancesCommand({ ...launchInput(dryRun.launch), ...newToken, DryRun }),
          abort,
        );
      case "CreateReplaceRootVolumeTask":
        return this.#client.send(
          new CreateReplaceRootVolumeTaskCommand({ ...replaceRootInput(dryRun.replaceRoot), ...newToken, DryRun }),
          abort,
        );
      case "DetachVolume": {
        const input = { VolumeId: dryRun.volumeId, InstanceId: dryRun.instanceId, DryRun };
        return this.#client.send(new DetachVolumeCommand(input), abort);
      }
      case "TerminateInstances":
        return this.#client.send(new TerminateInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), abort);
      case "StopInstances":
        return this.#client.send(new StopInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), abort);
      case "StartInstances":
        return this.#client.send(new StartInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), abort);
      case "RebootInstances":
        return this.#client.send(new RebootInstancesCommand({ InstanceIds: [dryRun.instanceId], DryRun }), abort);
    }
  }

  async #describe(filters: Filter[], options: CallOptions | undefined): Promise<Instance[]> {
    const instances: Instance[] = [];
    let NextToken: string | undefined;
    do {
      const command = new DescribeInstancesCommand({ Filters: filters, MaxResults: 1_000, NextToken });
      const answer = await this.#client.send(command, abortOf(options));
      for (const { Instances = [] } of answer.Reservations ?? []) instances.push(...Instances.map(instanceOf));
      NextToken = answer.NextToken;
    } while (NextToken !== undefined && NextToken !== "");
    return instances;
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

function abortOf(options: CallOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}
