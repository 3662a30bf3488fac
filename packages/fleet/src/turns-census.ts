import type { Installation } from "@restart-coordinator/debounce";
import { asked } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createFleetKeys, type FleetKeys } from "./keys.ts";

/** The turns as somebody sees them who takes none: for whoever counts. All is 0 where there is no cap. */
export class TurnsCensus {
  readonly #redis: Redis | Cluster;
  readonly #keys: FleetKeys;

  constructor({ redis, prefix }: Pick<Installation, "redis" | "prefix">) {
    this.#redis = redis;
    this.#keys = createFleetKeys(prefix);
  }

  /** Counts who waits for a turn, and who runs in one. @throws CoordinatorUnavailableError */
  async count(): Promise<{ readonly waiting: number; readonly running: number }> {
    return asked(async () => {
      const [seconds] = await this.#redis.time();
      const [waiting, running] = await Promise.all([
        this.#redis.zcard(this.#keys.of("waiting")),
        this.#redis.zcount(this.#keys.of("permits"), Number(seconds) * 1_000, "+inf"),
      ]);
      return { waiting, running };
    });
  }

  /** Tells of each whether it waits for a turn. @throws CoordinatorUnavailableError */
  async areWaiting(workspaceIds: readonly string[]): Promise<boolean[]> {
    if (workspaceIds.length === 0) return [];
    const scores = await asked(() => this.#redis.zmscore(this.#keys.of("waiting"), ...workspaceIds));
    return scores.map((score) => score !== null);
  }
}
