/** What all processes of an installation have in common, written down in Redis by whoever comes first. */
import { claimProvisioner, claimShardCount, type KeySpace, recordedProvisioner } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";

export interface InstallationFacts {
  readonly redis: Redis | Cluster;
  readonly keys: KeySpace;
  /** The workers'; undefined where a process does not know it. */
  readonly provisioner: string | undefined;
  /** It carries restarts out by that provisioner, and does not only know of it. */
  readonly isWorker: boolean;
}

/** What differs from what is written down, as a person is told; writes down what was not. @throws CoordinatorUnavailableError */
export async function findDifferences(facts: InstallationFacts): Promise<string[]> {
  const { redis, keys, provisioner } = facts;
  const differences: string[] = [];
  const shards = await claimShardCount(redis, keys);
  if (shards !== keys.shards) {
    differences.push(
      `SHARDS is ${keys.shards}, but this installation has ${shards}: most workspaces would not be found. ` +
        `Set SHARDS=${shards}; docs/scale.md says how to move to another number`,
    );
  }
  const recorded = await provisionerOf(facts);
  if (recorded !== undefined && provisioner !== undefined && recorded !== provisioner) {
    differences.push(
      `PROVISIONER is ${provisioner}, but this installation's is ${recorded}: its workspaces would be restarted by what does ` +
        `not run them. Set PROVISIONER=${recorded}; to change it on purpose stop all workers, then DEL ${keys.provisioner}`,
    );
  }
  return differences;
}

async function provisionerOf({ redis, keys, provisioner, isWorker }: InstallationFacts): Promise<string | undefined> {
  if (provisioner === undefined) return undefined;
  return isWorker ? claimProvisioner(redis, keys, provisioner) : recordedProvisioner(redis, keys);
}
