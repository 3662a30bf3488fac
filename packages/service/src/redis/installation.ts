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

export interface Comparison {
  /** What differs from what is written down, as a person is told. */
  readonly differences: readonly string[];
  /** Nothing was written down until now. */
  readonly isNew: boolean;
}

/** Compares them with what is written down, and writes down what was not. @throws CoordinatorUnavailableError */
export async function compareInstallation(facts: InstallationFacts): Promise<Comparison> {
  const { redis, keys, provisioner } = facts;
  const differences: string[] = [];
  const { count: shards, isNew } = await claimShardCount(redis, keys);
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
  return { differences, isNew };
}

async function provisionerOf({ redis, keys, provisioner, isWorker }: InstallationFacts): Promise<string | undefined> {
  if (provisioner === undefined) return undefined;
  return isWorker ? claimProvisioner(redis, keys, provisioner) : recordedProvisioner(redis, keys);
}
