import type {
  CallOptions,
  Ec2Api,
  Instance,
  InstanceFilter,
  InstanceState,
  LaunchCall,
  ReplaceRootCall,
} from "../../../src/provisioners/ec2/api.ts";
import { awsError } from "./idempotent-api.ts";

interface Kept {
  readonly id: string;
  readonly clientToken: string;
  state: InstanceState;
  /** Looks until it is seen at all, or until its state moves on. */
  hiddenFor: number;
  settlesIn: number;
  tags: Record<string, string>;
}

const SETTLED: Partial<Record<InstanceState, InstanceState>> = {
  pending: "running",
  stopping: "stopped",
  "shutting-down": "terminated",
};

/**
 * EC2 as it behaves in time, for thousands of crashes a second: idempotent launches, new instances that are not to be
 * seen at first, states that change only after some looks, calls refused in the wrong state. Keeps what must never
 * happen in `wrongs`.
 */
export class MemoryEc2 implements Ec2Api {
  readonly instances = new Map<string, Kept>();
  readonly volumes = new Map<string, string | undefined>();
  readonly rootTasks = new Map<string, string>();
  readonly rebooted = new Set<string>();
  readonly wrongs: string[] = [];
  mostLive = 0;
  readonly #requests = new Map<string, string>();

  get live(): string[] {
    return [...this.instances.values()].filter(({ state }) => isLive(state)).map(({ id }) => id);
  }

  async runInstances({ request, clientToken, userData }: LaunchCall): Promise<Instance> {
    const body = JSON.stringify([request, userData]);
    const known = [...this.instances.values()].find((instance) => instance.clientToken === clientToken);
    if ((this.#requests.get(clientToken) ?? body) !== body) throw awsError("IdempotentParameterMismatch");
    if (known !== undefined && !isLive(known.state)) throw awsError("IdempotentInstanceTerminated");
    if (known !== undefined) return this.#view(known);
    this.#requests.set(clientToken, body);
    const tags = Object.fromEntries(
      (request.TagSpecifications?.[0]?.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]),
    );
    const id = `i-${String(this.instances.size).padStart(17, "0")}`;
    const kept: Kept = { id, clientToken, state: "pending", hiddenFor: 2, settlesIn: 1, tags };
    this.instances.set(id, kept);
    this.mostLive = Math.max(this.mostLive, this.live.length);
    return this.#view(kept);
  }

  async terminateInstances(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const kept = this.#get(id);
      const held = [...this.volumes.values()].includes(id);
      if (held && kept.state === "running" && this.wasReady.has(id)) this.wrongs.push(`${id} terminated with a volume`);
      if (isLive(kept.state)) this.#move(kept, "shutting-down");
    }
  }
  /** Were the workspace's at some time: their volumes must be off before they are terminated. */
  readonly wasReady = new Set<string>();

  async startInstance(id: string): Promise<void> {
    const kept = this.#get(id);
    if (kept.state === "stopped") this.#move(kept, "pending");
    else if (kept.state !== "running" && kept.state !== "pending") throw awsError("IncorrectInstanceState");
  }

  async stopInstance(id: string): Promise<void> {
    const kept = this.#get(id);
    if (kept.state === "running") this.#move(kept, "stopping");
    else if (kept.state !== "stopped" && kept.state !== "stopping") throw awsError("IncorrectInstanceState");
  }

  async rebootInstance(id: string): Promise<void> {
    if (this.#get(id).state !== "running") throw awsError("IncorrectInstanceState");
    this.rebooted.add(id);
  }

  async createTags(ids: readonly string[], tags: Readonly<Record<string, string>>): Promise<void> {
    for (const id of ids) Object.assign(this.#get(id).tags, tags);
  }

  async attachVolume(volumeId: string, instanceId: string): Promise<void> {
    if (this.volumes.get(volumeId) !== undefined) throw awsError("VolumeInUse");
    if (this.#get(instanceId).state !== "running") throw awsError("IncorrectInstanceState");
    this.volumes.set(volumeId, instanceId);
  }

  async detachVolume(volumeId: string, instanceId: string): Promise<void> {
    if (this.volumes.get(volumeId) !== instanceId) throw awsError("IncorrectState");
    if (this.#get(instanceId).state === "running") this.wrongs.push(`${volumeId} taken off a running instance`);
    this.volumes.set(volumeId, undefined);
  }

  async createReplaceRootVolumeTask({ instanceId, clientToken }: ReplaceRootCall): Promise<string> {
    if (this.#get(instanceId).state !== "running") throw awsError("IncorrectInstanceState");
    this.rootTasks.set(clientToken, instanceId);
    return clientToken;
  }

  async describeInstances(ids: readonly string[]) {
    return new Map(this.#look((kept) => ids.includes(kept.id)).map((instance) => [instance.id, instance]));
  }

  async findInstances({ tags, states }: InstanceFilter): Promise<readonly Instance[]> {
    const matches = (kept: Kept) => Object.entries(tags).every(([key, value]) => kept.tags[key] === value);
    return this.#look(matches).filter(({ state }) => states === undefined || states.includes(state));
  }

  async describeStatusChecks(ids: readonly string[]) {
    return new Map(ids.map((id) => [id, "ok" as const]));
  }

  async describeVolumes(ids: readonly string[]) {
    return new Map(
      ids.map((id) => {
        const place = this.volumes.get(id);
        const attachments = place === undefined ? [] : [{ instanceId: place, state: "attached" }];
        return [id, { id, zone: "z1", state: place === undefined ? "available" : "in-use", attachments }];
      }),
    );
  }

  async describeSubnets(ids: readonly string[]) {
    return new Map(ids.map((id) => [id, { id, zone: "z1", freeAddresses: 9 }]));
  }

  async describeImage(): Promise<string> {
    return "available";
  }

  async describeTemplate() {
    const none = { hopLimit: undefined, singleAttach: false, hasNetworkInterfaces: false };
    return { templateId: "lt-12345678", version: 3, imageId: "ami-12345678", instanceType: "t3.micro", ...none };
  }

  async describeReplaceRootTask(taskId: string) {
    return this.rootTasks.has(taskId) ? ("succeeded" as const) : undefined;
  }

  async isProtected(): Promise<boolean> {
    return false;
  }

  async dryRun(_call: unknown, _options?: CallOptions): Promise<void> {}

  #get(id: string): Kept {
    const kept = this.instances.get(id);
    if (kept === undefined) throw awsError("InvalidInstanceID.NotFound");
    return kept;
  }

  #move(kept: Kept, state: InstanceState): void {
    kept.state = state;
    kept.settlesIn = 2;
  }

  /** Time passes by looking. */
  #look(matches: (kept: Kept) => boolean): Instance[] {
    const seen: Instance[] = [];
    for (const kept of [...this.instances.values()].filter(matches)) {
      if (kept.hiddenFor > 0) {
        kept.hiddenFor--;
        continue;
      }
      const next = SETTLED[kept.state];
      if (next !== undefined && kept.settlesIn-- <= 0) this.#settle(kept, next);
      seen.push(this.#view(kept));
    }
    return seen;
  }

  #settle(kept: Kept, state: InstanceState): void {
    kept.state = state;
    if (state !== "terminated") return;
    for (const [volume, place] of this.volumes) if (place === kept.id) this.volumes.set(volume, undefined);
  }

  #view({ id, clientToken, state, tags }: Kept): Instance {
    const unknown = {
      launchedAt: undefined,
      imageId: undefined,
      subnetId: undefined,
      zone: "z1",
      stateReason: undefined,
    };
    const addresses = { privateIp: undefined, publicIp: undefined, privateDns: undefined, publicDns: undefined };
    return {
      ...{ id, clientToken, state, tags: { ...tags }, type: "t3.micro", rootDeviceType: "ebs", spot: false },
      ...{ ...unknown, ...addresses, volumeIds: [] },
    };
  }
}

function isLive(state: InstanceState): boolean {
  return state !== "shutting-down" && state !== "terminated";
}
