import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
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
import { isThrottle, meaningOf } from "../errors.ts";
import { type Cost, Lane } from "./lane.ts";
import { AWS_LIMITS, type LaneLimits, type LaneName, ownLimits, type PaceLimits } from "./limits.ts";
import { type Take, TokenBuckets } from "./token-buckets.ts";

export interface PaceOptions {
  /** A connection of the caller's own that waits for Redis (`maxRetriesPerRequest: null`). */
  readonly redis: Redis | Cluster;
  /** Workers with the same prefix share the buckets: those of one AWS account and region must. */
  readonly prefix: string;
  /** Default `ownLimits(AWS_LIMITS)`. */
  readonly limits?: PaceLimits;
  /** Told of every paced call how long it waited for its turn, ms; 0 for most. */
  readonly onWait?: (action: string, ms: number) => void;
  /** Told each time that EC2 throttled a call all the same: the lane runs at half its pace for `SLOW_MS`. */
  readonly onThrottled?: (action: string) => void;
  /** Told when Redis did not answer; calls wait for it. */
  readonly onTrouble?: (error: unknown) => void;
  /** Before a call that got no clear answer is made again, ms; twice as long the second time. Default 500. */
  readonly repeatMs?: number;
}

/** How long a lane is slow after a throttled call, ms. */
export const SLOW_MS = 30_000;

/** How often a call is made that gets no clear answer. */
const ATTEMPTS = 3;

/** What one request to EC2 can hold. */
const FILTER_VALUES = 200;
const STATUS_IDS = 100;
const PAGE = 1_000;

/**
 * Makes calls wait for their turn, so that all workers together stay inside the account's limits. Without Redis they wait
 * until it is back. A call that is aborted while it waits was never made.
 *
 * A call that is throttled, or gets no clear answer, is made again, each time in its turn: all of them may be. Only of a
 * launch whose outcome is unknown does the caller decide.
 */
export class PacedEc2Api implements Ec2Api {
  readonly #api: Ec2Api;
  readonly #options: PaceOptions;
  readonly #limits: PaceLimits;
  readonly #buckets: TokenBuckets;
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  /** As far as known: what may be under way is theirs together. */
  #workers = 1;

  constructor(api: Ec2Api, options: PaceOptions) {
    this.#api = api;
    this.#options = options;
    this.#limits = options.limits ?? ownLimits(AWS_LIMITS);
    this.#buckets = new TokenBuckets(options.redis, options.prefix);
    const trouble = (error: unknown): void => options.onTrouble?.(error);
    const lanes = (Object.keys(this.#limits) as LaneName[]).map((name) => [
      name,
      new Lane({
        reserve: async (cost) => {
          const reservation = await this.#buckets.take(this.#takes(name, cost));
          this.#workers = reservation.takers;
          return reservation;
        },
        inFlight: () => {
          const { inFlight = Number.POSITIVE_INFINITY } = this.#limits[name];
          return Math.max(1, Math.floor(inFlight / this.#workers));
        },
        trouble,
      }),
    ]);
    this.#lanes = Object.fromEntries(lanes) as Record<LaneName, Lane>;
  }

  runInstances(launch: LaunchCall, options?: CallOptions): Promise<Instance> {
    return this.#pace("RunInstances", "RunInstances", instances(1), options, () =>
      this.#api.runInstances(launch, options),
    );
  }

  terminateInstances(ids: readonly string[], options?: CallOptions): Promise<void> {
    return this.#pace("TerminateInstances", "TerminateInstances", instances(ids.length), options, () =>
      this.#api.terminateInstances(ids, options),
    );
  }

  startInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#pace("StartInstances", "StartInstances", instances(1), options, () =>
      this.#api.startInstance(id, options),
    );
  }

  stopInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#pace("Other", "StopInstances", requests(1), options, () => this.#api.stopInstance(id, options));
  }

  rebootInstance(id: string, options?: CallOptions): Promise<void> {
    return this.#pace("Other", "RebootInstances", requests(1), options, () => this.#api.rebootInstance(id, options));
  }

  createTags(ids: readonly string[], tags: Readonly<Record<string, string>>, options?: CallOptions): Promise<void> {
    return this.#pace("CreateTags", "CreateTags", requests(1), options, () => this.#api.createTags(ids, tags, options));
  }

  attachVolume(volumeId: string, instanceId: string, device: string, options?: CallOptions): Promise<void> {
    return this.#pace("Other", "AttachVolume", requests(1), options, () =>
      this.#api.attachVolume(volumeId, instanceId, device, options),
    );
  }

  detachVolume(volumeId: string, instanceId: string, options?: CallOptions): Promise<void> {
    return this.#pace("Other", "DetachVolume", requests(1), options, () =>
      this.#api.detachVolume(volumeId, instanceId, options),
    );
  }

  createReplaceRootVolumeTask(call: ReplaceRootCall, options?: CallOptions): Promise<string> {
    return this.#pace("Other", "CreateReplaceRootVolumeTask", requests(1), options, () =>
      this.#api.createReplaceRootVolumeTask(call, options),
    );
  }

  describeInstances(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Instance>> {
    return this.#look("DescribeInstances", Math.ceil(ids.length / FILTER_VALUES), options, () =>
      this.#api.describeInstances(ids, options),
    );
  }

  async findInstances(filter: InstanceFilter, options?: CallOptions): Promise<readonly Instance[]> {
    const found = await this.#look("DescribeInstances", 1, options, () => this.#api.findInstances(filter, options));
    const furtherPages = Math.ceil(found.length / PAGE) - 1;
    // Only now is it known how many requests it took: whoever comes next waits for them.
    if (furtherPages > 0) await this.#buckets.take(this.#takes("Describe", requests(furtherPages))).catch(() => {});
    return found;
  }

  describeStatusChecks(
    ids: readonly string[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, "ok" | "impaired" | "pending">> {
    return this.#look("DescribeInstanceStatus", Math.ceil(ids.length / STATUS_IDS), options, () =>
      this.#api.describeStatusChecks(ids, options),
    );
  }

  describeVolumes(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Volume>> {
    return this.#look("DescribeVolumes", Math.min(1, ids.length), options, () =>
      this.#api.describeVolumes(ids, options),
    );
  }

  describeSubnets(ids: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Subnet>> {
    return this.#look("DescribeSubnets", Math.min(1, ids.length), options, () =>
      this.#api.describeSubnets(ids, options),
    );
  }

  describeImage(id: string, options?: CallOptions): Promise<string | undefined> {
    return this.#look("DescribeImages", 1, options, () => this.#api.describeImage(id, options));
  }

  describeTemplate(
    template: { readonly id?: string | undefined; readonly name?: string | undefined; readonly version: string },
    options?: CallOptions,
  ): Promise<TemplateVersion | undefined> {
    return this.#look("DescribeLaunchTemplateVersions", 1, options, () =>
      this.#api.describeTemplate(template, options),
    );
  }

  describeReplaceRootTask(taskId: string, options?: CallOptions): Promise<ReplaceRootState | undefined> {
    return this.#look("DescribeReplaceRootVolumeTasks", 1, options, () =>
      this.#api.describeReplaceRootTask(taskId, options),
    );
  }

  isProtected(id: string, from: Protection, options?: CallOptions): Promise<boolean> {
    return this.#look("DescribeInstanceAttribute", 1, options, () => this.#api.isProtected(id, from, options));
  }

  /** A dry run is a request as any other, but touches no resource. */
  dryRun(call: DryRun, options?: CallOptions): Promise<void> {
    const lane = call.call in this.#limits ? (call.call as LaneName) : "Other";
    return this.#pace(lane, call.call, requests(1), options, () => this.#api.dryRun(call, options));
  }

  #look<T>(action: string, count: number, options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    return count === 0 ? call() : this.#pace("Describe", action, requests(count), options, call);
  }

  async #pace<T>(
    lane: LaneName,
    action: string,
    cost: Cost,
    options: CallOptions | undefined,
    call: () => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(lane, action, cost, options, call);
      } catch (error) {
        options?.signal?.throwIfAborted();
        const isThrottled = isThrottle(error);
        const mayRepeat = isThrottled || (action !== "RunInstances" && meaningOf(error).kind === "retry");
        if (!mayRepeat || attempt === ATTEMPTS) throw error;
        // One that was throttled has the emptied lane to wait for.
        const pauseMs = isThrottled ? 0 : (this.#options.repeatMs ?? 500) * attempt * (0.5 + Math.random());
        await sleep(pauseMs, undefined, { signal: options?.signal }).catch(() => options?.signal?.throwIfAborted());
      }
    }
  }

  async #once<T>(
    lane: LaneName,
    action: string,
    cost: Cost,
    options: CallOptions | undefined,
    call: () => Promise<T>,
  ): Promise<T> {
    const askedAt = performance.now();
    await this.#lanes[lane].pass(cost, options?.signal);
    this.#options.onWait?.(action, Math.round(performance.now() - askedAt));
    try {
      return await call();
    } catch (error) {
      if (isThrottle(error)) await this.#throttled(lane, action);
      throw error;
    } finally {
      this.#lanes[lane].done();
    }
  }

  /** Somebody else uses the account, too, or Redis has forgotten: it is EC2 that knows how full the bucket is. */
  async #throttled(lane: LaneName, action: string): Promise<void> {
    this.#options.onThrottled?.(action);
    const { requests: limit } = this.#limits[lane];
    await this.#buckets.slowDown(lane, limit, SLOW_MS).catch((error: unknown) => this.#options.onTrouble?.(error));
  }

  #takes(lane: LaneName, cost: Cost): Take[] {
    const limits: LaneLimits = this.#limits[lane];
    const takes: Take[] = [{ bucket: lane, ...limits.requests, tokens: cost.requests }];
    if (limits.resources !== undefined && cost.resources > 0) {
      takes.push({ bucket: `${lane}:resources`, ...limits.resources, tokens: cost.resources });
    }
    return takes;
  }
}

function requests(count: number): Cost {
  return { requests: count, resources: 0 };
}

/** One request about so many instances. */
function instances(count: number): Cost {
  return { requests: 1, resources: count };
}
