/**
 * The few calls to EC2 that the provisioner makes. Whatever paces, batches or counts calls implements this too, around
 * another one: nothing of it shows in the provisioner.
 *
 * Every method rejects with the SDK's own error (see errors.ts for what the names mean), and with the signal's reason
 * once that fires. Methods that look never fail because of an id that EC2 does not know: the answer just lacks it.
 */
import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";

/**
 * RunInstances in the form it is journalled and replayed: whole, but for what must not be stored (user data) and what is
 * kept beside it (the token).
 */
export type LaunchRequest = Readonly<Omit<RunInstancesCommandInput, "UserData" | "ClientToken" | "DryRun">>;

export interface LaunchCall {
  readonly request: LaunchRequest;
  /** Makes EC2 answer a repetition with the instance of the first. At most 64 ASCII characters. */
  readonly clientToken: string;
  /** Base64. */
  readonly userData: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export type InstanceState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  readonly tags: Readonly<Record<string, string>>;
  readonly clientToken: string | undefined;
  /** ISO 8601. */
  readonly launchedAt: string | undefined;
  readonly imageId: string | undefined;
  readonly type: string | undefined;
  readonly subnetId: string | undefined;
  readonly zone: string | undefined;
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  readonly privateDns: string | undefined;
  readonly publicDns: string | undefined;
  readonly rootDeviceType: string | undefined;
  readonly spot: boolean;
  readonly volumeIds: readonly string[];
  /** Why it is in its state, as in "Server.InsufficientInstanceCapacity: …". */
  readonly stateReason: string | undefined;
}

export interface Volume {
  readonly id: string;
  readonly state: string;
  readonly zone: string | undefined;
  readonly attachments: ReadonlyArray<{ readonly instanceId: string; readonly state: string }>;
}

export interface TemplateVersion {
  readonly templateId: string;
  readonly version: number;
  /** Aliases resolved. */
  readonly imageId: string | undefined;
  readonly instanceType: string | undefined;
  readonly hopLimit: number | undefined;
  /** The template fixes a network interface or a private address: only one instance at a time can have it. */
  readonly singleAttach: boolean;
  /** The template configures network interfaces, so subnet and security groups cannot be given beside them. */
  readonly hasNetworkInterfaces: boolean;
}

export interface Subnet {
  readonly id: string;
  readonly zone: string | undefined;
  readonly freeAddresses: number;
}

export type ReplaceRootState = "pending" | "in-progress" | "failing" | "succeeded" | "failed" | "failed-detached";

export interface ReplaceRootCall {
  readonly instanceId: string;
  readonly clientToken: string;
  /** The instance's own image as it was at launch, without it. */
  readonly imageId: string | undefined;
}

/** Which instances to find: those that match all that is given. */
export interface InstanceFilter {
  readonly tags: Readonly<Record<string, string>>;
  readonly states?: readonly InstanceState[];
}

/** A call as DryRun checks it: permissions and form, no effect. */
export type DryRun =
  | { readonly call: "RunInstances"; readonly launch: LaunchCall }
  | {
      readonly call: "TerminateInstances" | "StopInstances" | "StartInstances" | "RebootInstances";
      readonly instanceId: string;
    }
  | { readonly call: "CreateReplaceRootVolumeTask"; readonly replaceRoot: ReplaceRootCall }
  | { readonly call: "DetachVolume"; readonly volumeId: string; readonly instanceId: string };

export type Protection = "termination" | "stop";

export interface Ec2Api {
  /** Launches one instance. Makes one attempt: the caller repeats with the same token. */
  runInstances(launch: LaunchCall, options?: CallOptions): Promise<Instance>;
  /** Fails as a whole when one id is bad. Repeating is harmless. */
  terminateInstances(ids: readonly string[], options?: CallOptions): Promise<void>;
  startInstance(id: string, options?: CallOptions): Promise<void>;
  stopInstance(id: string, options?: CallOptions): Promise<void>;
  rebootInstance(id: string, options?: CallOptions): Promise<void>;
  createTags(ids: readonly string[], tags: Readonly<Record<string, string>>, options?: CallOptions): Promise<void>;
  attachVolume(volumeId: string, instanceId: string, device: string, options?: CallOptions): Promise<void>;
  detachVolume(volumeId: string, instanceId: string, options?: CallOptions): Promise<void>;
  /** Resolves to the task's id. */
  createReplaceRootVolumeTask(call: ReplaceRootCall, options?: CallOptions): Promise<string>;

  /** By id; any number of them. */
  describeInstances(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Instance>>;
  findInstances(filter: InstanceFilter, options?: CallOptions): Promise<readonly Instance[]>;
  /** Whether both status checks are ok, by id; at most 100 ids a call to EC2. */
  describeStatusChecks(
    ids: readonly string[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, "ok" | "impaired" | "pending">>;
  describeVolumes(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Volume>>;
  describeSubnets(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Subnet>>;
  /** The image's state ("available"), or undefined when it does not exist for this account. */
  describeImage(id: string, options?: CallOptions): Promise<string | undefined>;
  describeTemplate(
    template: { readonly id?: string | undefined; readonly name?: string | undefined; readonly version: string },
    options?: CallOptions,
  ): Promise<TemplateVersion | undefined>;
  describeReplaceRootTask(taskId: string, options?: CallOptions): Promise<ReplaceRootState | undefined>;
  isProtected(id: string, from: Protection, options?: CallOptions): Promise<boolean>;
  /** Resolves when EC2 would have done it; rejects with what EC2 would have answered. */
  dryRun(call: DryRun, options?: CallOptions): Promise<void>;
}
