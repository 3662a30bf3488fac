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
} from "../api.ts";
import { meaningOf } from "../errors.ts";
import { LaunchDryRuns } from "./launch-dry-runs.ts";
import { Merger } from "./merger.ts";

export interface BatchOptions {
  /** How long a look waits for others to go with it, ms. Default 50. */
  readonly describeCollectMs?: number;
  /** … and a termination. Default 250. */
  readonly terminateCollectMs?: number;
  /** How long EC2's yes to the dry run of a launch counts for equal ones, ms. Default 60 s. */
  readonly launchYesMs?: number;
}

/** A filter takes 200 values, so this many ids are one request. */
const DESCRIBE_IDS = 200;
const STATUS_IDS = 100;
const TERMINATE_IDS = 1_000;
/** Of each kind. */
const CALLS_IN_FLIGHT = 2;

type ById<T> = ReadonlyMap<string, T>;
type Template = Parameters<Ec2Api["describeTemplate"]>[0];

/**
 * One call to EC2 for many workspaces: looks by id and terminations are merged, equal looks at images and templates and
 * equal dry runs of launches are shared. Everything else goes straight through. It belongs in front of what paces the calls.
 *
 * One bad id fails a merged termination as a whole: it is then made again in halves, down to one caller's, so that each
 * caller gets the answer that is its own. An error that says nothing about the ids is everybody's.
 */
export class BatchedEc2Api implements Ec2Api {
  readonly #api: Ec2Api;
  readonly #instances: Merger<ById<Instance>>;
  readonly #statusChecks: Merger<ById<"ok" | "impaired" | "pending">>;
  readonly #volumes: Merger<ById<Volume>>;
  readonly #subnets: Merger<ById<Subnet>>;
  readonly #images: Merger<string | undefined>;
  readonly #templates: Merger<TemplateVersion | undefined>;
  readonly #terminations: Merger<void>;
  readonly #launchDryRuns: LaunchDryRuns;

  constructor(api: Ec2Api, options: BatchOptions = {}) {
    const { describeCollectMs = 50, terminateCollectMs = 250, launchYesMs = 60_000 } = options;
    this.#api = api;
    const look = { collectMs: describeCollectMs, most: DESCRIBE_IDS, inFlight: CALLS_IN_FLIGHT };
    this.#instances = new Merger({ ...look, send: (ids, signal) => api.describeInstances(ids, { signal }) });
    this.#volumes = new Merger({ ...look, send: (ids, signal) => api.describeVolumes(ids, { signal }) });
    this.#subnets = new Merger({ ...look, send: (ids, signal) => api.describeSubnets(ids, { signal }) });
    this.#statusChecks = new Merger({
      ...look,
      most: STATUS_IDS,
      send: (ids, signal) => api.describeStatusChecks(ids, { signal }),
    });
    // One key in a call: callers share it when they ask for the same.
    const shared = { ...look, most: 1 };
    this.#images = new Merger({ ...shared, send: ([id], signal) => api.describeImage(id as string, { signal }) });
    this.#templates = new Merger({
      ...shared,
      send: ([key], signal) => api.describeTemplate(JSON.parse(key as string) as Template, { signal }),
    });
    this.#launchDryRuns = new LaunchDryRuns({
      send: (launch, signal) => api.dryRun({ call: "RunInstances", launch }, { signal }),
      collectMs: describeCollectMs,
      yesMs: launchYesMs,
    });
    this.#terminations = new Merger({
      collectMs: terminateCollectMs,
      most: TERMINATE_IDS,
      inFlight: CALLS_IN_FLIGHT,
      send: (ids, signal) => api.terminateInstances(ids, { signal }),
      splitOn: (error) => meaningOf(error).kind !== "retry",
    });
  }

  describeInstances(ids: readonly string[], options?: CallOptions): Promise<ById<Instance>> {
    return own(this.#instances, ids, options);
  }

  describeStatusChecks(ids: readonly string[], options?: CallOptions): Promise<ById<"ok" | "impaired" | "pending">> {
    return own(this.#statusChecks, ids, options);
  }

  describeVolumes(ids: readonly string[], options?: CallOptions): Promise<ById<Volume>> {
    return own(this.#volumes, ids, options);
  }

  describeSubnets(ids: readonly string[], options?: CallOptions): Promise<ById<Subnet>> {
    return own(this.#subnets, ids, options);
  }

  describeImage(id: string, options?: CallOptions): Promise<string | undefined> {
    return this.#images.ask([id], options?.signal);
  }

  describeTemplate(template: Template, options?: CallOptions): Promise<TemplateVersion | undefined> {
    const { id, name, version } = template;
    return this.#templates.ask([JSON.stringify({ id, name, version })], options?.signal);
  }

  /** An abort leaves open whether the instances were terminated. */
  terminateInstances(ids: readonly string[], options?: CallOptions): Promise<void> {
    return this.#terminations.ask(ids, options?.signal);
  }

  runInstances(launch: LaunchCall, options?: CallOptions): Promise<Instance> {
    return this.#api.runInstances(launch, options);
  }

  startInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#api.startInstance(id, options);
  }

  stopInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#api.stopInstance(id, options);
  }

  rebootInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#api.rebootInstance(id, options);
  }

  createTags(ids: readonly string[], tags: Readonly<Record<string, string>>, options?: CallOptions): Promise<void> {
    return this.#api.createTags(ids, tags, options);
  }

  attachVolume(volumeId: string, instanceId: string, device: string, options?: CallOptions): Promise<void> {
    return this.#api.attachVolume(volumeId, instanceId, device, options);
  }

  detachVolume(volumeId: string, instanceId: string, options?: CallOptions): Promise<void> {
    return this.#api.detachVolume(volumeId, instanceId, options);
  }

  createReplaceRootVolumeTask(call: ReplaceRootCall, options?: CallOptions): Promise<string> {
    return this.#api.createReplaceRootVolumeTask(call, options);
  }

  findInstances(filter: InstanceFilter, options?: CallOptions): Promise<readonly Instance[]> {
    return this.#api.findInstances(filter, options);
  }

  describeReplaceRootTask(taskId: string, options?: CallOptions): Promise<ReplaceRootState | undefined> {
    return this.#api.describeReplaceRootTask(taskId, options);
  }

  isProtected(id: string, from: Protection, options?: CallOptions): Promise<boolean> {
    return this.#api.isProtected(id, from, options);
  }

  dryRun(call: DryRun, options?: CallOptions): Promise<void> {
    if (call.call === "RunInstances") return this.#launchDryRuns.ask(call.launch, options?.signal);
    return this.#api.dryRun(call, options);
  }
}

/** Of the batch's answer, what the caller asked for. */
async function own<T>(
  merger: Merger<ById<T>>,
  ids: readonly string[],
  options: CallOptions | undefined,
): Promise<ById<T>> {
  if (ids.length === 0) return new Map();
  const found = await merger.ask(ids, options?.signal);
  return new Map(ids.flatMap((id): [string, T][] => (found.has(id) ? [[id, found.get(id) as T]] : [])));
}
