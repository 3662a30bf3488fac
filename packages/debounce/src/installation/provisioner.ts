/**
 * What carries an installation's restarts out is written down by the first worker. One with another provisioner would
 * restart the same workspaces, and something else than what runs: it must not start.
 */
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { KeySpace } from "../keys.ts";

/** Writes the name down unless one is there, and returns the one that counts. @throws CoordinatorUnavailableError */
export async function claimProvisioner(redis: Redis | Cluster, keys: KeySpace, name: string): Promise<string> {
  return asked(async () => {
    await redis.set(keys.provisioner, name, "NX");
    return (await redis.get(keys.provisioner)) ?? name;
  });
}

/** Undefined before there was a worker. @throws CoordinatorUnavailableError */
export async function recordedProvisioner(redis: Redis | Cluster, keys: KeySpace): Promise<string | undefined> {
  return asked(async () => (await redis.get(keys.provisioner)) ?? undefined);
}
