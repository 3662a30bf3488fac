/** A Redis Cluster of three masters on loopback that share the slots. */
import { setTimeout as sleep } from "node:timers/promises";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";

const SLOTS = 16_384;
const SIZE = 3;

export interface Node {
  readonly server: OwnRedis;
  /** A connection of the observer's own. */
  readonly redis: Redis;
}

export interface SoakCluster {
  /** As REDIS_URL takes it. */
  readonly url: string;
  readonly nodes: readonly Node[];
  stop(): Promise<void>;
}

export async function startSoakCluster(): Promise<SoakCluster> {
  const args = ["--cluster-enabled", "yes"];
  const nodes = await Promise.all(
    Array.from({ length: SIZE }, async () => {
      const server = await startRedis({ own: true, args });
      return { server, redis: new Redis(server.url) };
    }),
  );
  const ports = nodes.map(({ server }) => Number(new URL(server.url).port));
  for (const [i, { redis }] of nodes.entries()) {
    await redis.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    const [from, end] = [i, i + 1].map((part) => Math.ceil((SLOTS * part) / SIZE)) as [number, number];
    await redis.call("CLUSTER", "ADDSLOTSRANGE", from, end - 1);
    if (i > 0) await redis.call("CLUSTER", "MEET", "127.0.0.1", ports[0] as number);
  }
  const isWhole = (info: unknown) =>
    /cluster_state:ok/.test(String(info)) && /cluster_known_nodes:3/.test(String(info));
  while (!(await Promise.all(nodes.map(({ redis }) => redis.call("CLUSTER", "INFO")))).every(isWhole)) await sleep(20);
  return {
    url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
    nodes,
    stop: async () => {
      for (const { redis, server } of nodes) {
        redis.disconnect();
        await server.stop();
      }
    },
  };
}
