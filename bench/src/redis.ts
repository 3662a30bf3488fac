/** A private Redis for a row, and what it can tell about the work it did. */
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";

export interface BenchRedis {
  readonly url: string;
  /** One connection with ioredis' own defaults, for whoever is measured. */
  readonly redis: Redis;
  /** Commands and scripts sent on `redis` so far: round trips, for nothing is pipelined. */
  roundTrips(): number;
  /** CPU time Redis has spent so far, µs. */
  cpuUs(): Promise<number>;
  stop(): Promise<void>;
}

export async function startBenchRedis(args: readonly string[] = []): Promise<BenchRedis> {
  const server: OwnRedis = await startRedis({ own: true, args });
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const observer = new Redis(server.url);
  let sent = 0;
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (...command) => {
    sent += 1;
    return send(...command);
  };
  return {
    url: server.url,
    redis,
    roundTrips: () => sent,
    cpuUs: async () => {
      const info = await observer.info("cpu");
      const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
      return (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1_000_000;
    },
    stop: async () => {
      redis.disconnect();
      observer.disconnect();
      await server.stop();
    },
  };
}
