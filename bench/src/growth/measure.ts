/** How triggers/s, latency and memory grow with the number of workspaces and of shards. */
import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { closedLoop } from "../load/closed-loop.ts";
import { startBenchRedis } from "../redis.ts";
import { percentile } from "../statistics.ts";

export const WORKSPACES = [1, 10, 1_000, 100_000] as const;
export const SHARDS = [1, 4, 16] as const;
const IN_FLIGHT = 64;

export interface GrowthPoint {
  readonly workspaces: number;
  readonly shards: number;
  readonly triggersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What Redis needs for all of them, each owed a restart, what recognises resent triggers included, MiB. */
  readonly redisMiB: number;
}

export async function measureGrowth(isShort: boolean, onPoint: (point: GrowthPoint) => void): Promise<GrowthPoint[]> {
  const points: GrowthPoint[] = [];
  for (const shards of SHARDS) {
    for (const workspaces of isShort ? WORKSPACES.slice(0, 2) : WORKSPACES) {
      const point = await measurePoint(workspaces, shards, isShort ? 200 : 20_000);
      points.push(point);
      onPoint(point);
    }
  }
  return points;
}

async function measurePoint(workspaces: number, shards: number, triggers: number): Promise<GrowthPoint> {
  const bench = await startBenchRedis();
  try {
    const coordinator = new RestartCoordinator(new Installation({ redis: bench.redis, shards }));
    const empty = await usedMiB(bench.redis);
    await closedLoop(workspaces, IN_FLIGHT, (i) => coordinator.registry.register(`workspace-${i}`, {}));
    const took: number[] = [];
    const ask = async (i: number) => {
      // A step that shares no divisor with their number: all of them, in no order.
      const id = `workspace-${(i * 7_919) % workspaces}`;
      const sentAt = performance.now();
      await coordinator.trigger(id, { source: "file-write", reason: "wrote config.yaml", actor: "canvas" });
      took.push(performance.now() - sentAt);
    };
    // Each once: a first trigger writes what further ones only change, and the same shall be measured everywhere.
    await closedLoop(Math.max(workspaces, Math.min(triggers, 2_000)), IN_FLIGHT, ask);
    took.length = 0;
    const { perSecond } = await closedLoop(triggers, IN_FLIGHT, ask);
    const redisMiB = (await usedMiB(bench.redis)) - empty;
    const [p50Ms, p99Ms] = [percentile(took, 50), percentile(took, 99)];
    return { workspaces, shards, triggersPerSecond: perSecond, p50Ms, p99Ms, redisMiB };
  } finally {
    await bench.stop();
  }
}

async function usedMiB(redis: Awaited<ReturnType<typeof startBenchRedis>>["redis"]): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]) / 2 ** 20;
}
