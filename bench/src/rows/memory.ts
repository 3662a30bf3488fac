/** What a workspace costs Redis: registered, owed a restart, and removed. */
import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import type { Redis } from "ioredis";
import { closedLoop } from "../load/closed-loop.ts";
import { startBenchRedis } from "../redis.ts";
import type { Row } from "../row.ts";

export const memory: Row = {
  id: "memory",
  title: "Redis memory of one workspace",
  oneRound: true,
  limits: [
    { measure: "owedBytes", atMost: 1_024 },
    { measure: "registeredBytes" },
    { measure: "keysWhenIdle", atMost: 1 },
    { measure: "keysAfterRemoval", atMost: 0 },
  ],
  async open(isShort) {
    const bench = await startBenchRedis();
    const { redis } = bench;
    const coordinator = new RestartCoordinator(new Installation({ redis }));
    const ids = Array.from({ length: isShort ? 200 : 10_000 }, (_, i) => `workspace-${i}`);
    const each = (ask: (id: string) => Promise<unknown>) => closedLoop(ids.length, 64, (i) => ask(ids[i] as string));

    const run = async () => {
      // The scripts, the client's buffers: not the workspaces'.
      await coordinator.registry.register("warm", {});
      await coordinator.trigger("warm", { source: "file-write", reason: "wrote config.yaml", actor: "canvas" });
      const empty = await usedBytes(redis);
      await each((id) => coordinator.registry.register(id, {}));
      const registered = await usedBytes(redis);
      const keysWhenIdle = (await redis.keys("*:workspace-1*")).filter((key) => key.endsWith(":workspace-1")).length;
      // The stream of the shard is capped and not the workspace's; the activity is counted apart.
      await redis.del(coordinator.installation.keys.forShard("events", 0));
      await each((id) =>
        coordinator.trigger(id, { source: "file-write", reason: "wrote config.yaml", actor: "canvas" }),
      );
      await each((id) =>
        coordinator.trigger(id, { source: "file-write", reason: "wrote agent.yaml", actor: "canvas" }),
      );
      await redis.del(coordinator.installation.keys.forShard("events", 0));
      // So is what recognises a resent trigger, for two minutes.
      const withRecent = await usedBytes(redis);
      const recent = await redis.keys(`${coordinator.installation.keys.forShard("recent", 0)}:*`);
      await redis.del(...recent);
      const owed = await usedBytes(redis);
      await each((id) => redis.del(coordinator.installation.keys.forWorkspace("activity", id)));
      const owedWithoutActivity = await usedBytes(redis);
      await each((id) => coordinator.registry.forget(id, { actor: "bench" }));
      const keysAfterRemoval = (await redis.keys("*:workspace-*")).length;
      const per = (bytes: number) => bytes / ids.length;
      return {
        owedBytes: per(owedWithoutActivity - empty),
        registeredBytes: per(registered - empty),
        activityBytes: per(owed - owedWithoutActivity),
        recentBytesPerTrigger: per(withRecent - owed) / 2,
        keysWhenIdle,
        keysAfterRemoval,
      };
    };
    return { contenders: [{ name: "one workspace", run }], close: () => bench.stop() };
  },
};

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}
