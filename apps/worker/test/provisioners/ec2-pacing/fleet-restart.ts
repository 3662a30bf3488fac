/** Many workspaces restarted at once by several workers, each with wrapped calls of its own, as in one AWS account. */
import type { Cluster, Redis } from "ioredis";
import { connectEc2, type Ec2Connection, Ec2Provisioner } from "../../../src/provisioners/ec2/index.ts";
import { AWS_LIMITS, batched, ownLimits, Pacer } from "../../../src/provisioners/ec2/pacing/index.ts";
import type { Cycle } from "../../../src/provisioners/provisioner.ts";
import { testCycle } from "../test-cycle.ts";

export const OWNER = "pace";

export interface FleetOptions {
  readonly endpoint: string;
  readonly imageId: string;
  readonly redis: Redis | Cluster;
  readonly prefix: string;
  readonly workspaces: number;
  readonly workers: number;
  /** How much faster than AWS the server refills, and we pace. */
  readonly speed: number;
  /** Default true. */
  readonly paced?: boolean;
  /** Asks each pre-flight first, as a cycle does. Default true. */
  readonly preflight?: boolean;
}

interface Wait {
  readonly calls: number;
  readonly totalMs: number;
  readonly longestMs: number;
}

export interface FleetReport {
  readonly elapsedMs: number;
  /** The new instance of each workspace. */
  readonly instances: ReadonlyMap<string, string>;
  /** How long calls waited for their turn, the longest in all first; a merged call counts once. */
  readonly waits: ReadonlyArray<Wait & { readonly action: string }>;
}

/** Replaces the instance of each workspace, all at once. */
export class RestartedFleet {
  readonly #options: FleetOptions;
  readonly #connections: Ec2Connection[] = [];
  readonly #provisioners: Ec2Provisioner[] = [];
  readonly #waits = new Map<string, Wait>();

  constructor(options: FleetOptions) {
    this.#options = options;
    const { endpoint, redis, prefix, speed, imageId, workers, paced = true } = options;
    const limits = ownLimits(AWS_LIMITS, { speed });
    const onWait = (action: string, ms: number): void => {
      const { calls, totalMs, longestMs } = this.#waits.get(action) ?? { calls: 0, totalMs: 0, longestMs: 0 };
      this.#waits.set(action, { calls: calls + 1, totalMs: totalMs + ms, longestMs: Math.max(longestMs, ms) });
    };
    for (let worker = 0; worker < workers; worker++) {
      const pacer = new Pacer({ redis, prefix, limits, onWait });
      const ec2 = connectEc2({ endpoint, ...(paced && { pace: (request, make) => pacer.inTurn(request, make) }) });
      const api = paced ? batched(ec2) : ec2;
      const defaults = { imageId, instanceTypes: ["m7i.large"] };
      this.#connections.push(ec2);
      this.#provisioners.push(new Ec2Provisioner({ api, owner: OWNER, defaults, timing: { pollMs: 2_000 / speed } }));
    }
  }

  /** `known`: the instance that each has so far. A declined or failed restart rejects. */
  async restart(known?: ReadonlyMap<string, string>): Promise<FleetReport> {
    // The first call of a client loads half the SDK: nothing that the pacing could smooth.
    await Promise.all(this.#connections.map((ec2) => ec2.describeImage(this.#options.imageId)));
    this.#waits.clear();
    const startedAt = performance.now();
    const ids = Array.from({ length: this.#options.workspaces }, (_, i) => `w${i}`);
    const restarted = await Promise.all(
      ids.map(async (id, i): Promise<[string, string]> => {
        const provisioner = this.#provisioners[i % this.#provisioners.length] as Ec2Provisioner;
        const cycle = cycleOf(id, known?.get(id));
        if (this.#options.preflight !== false) await assertAccepted(provisioner, cycle);
        const { instance } = await provisioner.restart(cycle).catch((error: Error) => {
          // The SDK's errors carry their whole connection along.
          throw new Error(error.message);
        });
        return [id, String(instance.instanceId)];
      }),
    );
    const waits = [...this.#waits].map(([action, wait]) => ({ action, ...wait })).sort((a, b) => b.totalMs - a.totalMs);
    return { elapsedMs: performance.now() - startedAt, instances: new Map(restarted), waits };
  }

  close(): void {
    for (const ec2 of this.#connections) ec2.close();
  }
}

async function assertAccepted(provisioner: Ec2Provisioner, cycle: Cycle): Promise<void> {
  const answer = await provisioner.preflight(cycle).catch((error: Error) => {
    throw new Error(error.message);
  });
  if (!answer.ok) throw new Error(`declined: ${answer.reason}`);
}

/** What the pacing made each kind of call wait. */
export function explain({ elapsedMs, instances, waits }: FleetReport): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const lines = waits.map(({ action, calls, totalMs, longestMs }) =>
    [
      `  ${action}: ${calls} calls waited`,
      `${seconds(totalMs / calls)} on average, ${seconds(longestMs)} at most`,
    ].join(" "),
  );
  return [`${instances.size} restarts in ${seconds(elapsedMs)}. What the pacing made the calls wait:`, ...lines].join(
    "\n",
  );
}

function cycleOf(id: string, instanceId: string | undefined): Cycle {
  const instance = instanceId === undefined ? undefined : { instanceId };
  return testCycle({ id: `${id}-${instanceId ?? "first"}`, workspace: { id, spec: {}, instance } });
}
