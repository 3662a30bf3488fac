/** Many workspaces due at once, cycles that take no time, one worker: what the coordinator itself costs a worker. */
import { POLICIES } from "@restart-coordinator/debounce";
import { BareBullmq } from "../against/bare-bullmq.ts";
import { Coordinated } from "../coordinated-worker.ts";
import { closedLoop } from "../load/closed-loop.ts";
import { startBenchRedis } from "../redis.ts";
import type { Row } from "../row.ts";

const BARE = "bare BullMQ jobs";
const CONCURRENCY = 50;

export const drainRow: Row = {
  id: "drain",
  title: `drain: 10,000 workspaces due at once, instant cycles, one worker, concurrency ${CONCURRENCY}`,
  limits: [{ measure: "perSecond", against: BARE, atLeast: 0.5 }],
  async open(isShort) {
    const count = isShort ? 200 : 10_000;
    const ids = Array.from({ length: count }, (_, i) => `workspace-${i}`);
    const policy = { ...POLICIES.default, cooldownMs: 0 };

    const round = async (kind: "ours" | "bare") => {
      const bench = await startBenchRedis();
      const workerRedis = bench.redis.duplicate();
      let left = count;
      let finished = () => {};
      const end = new Promise<void>((resolve) => {
        finished = resolve;
      });
      const one = () => {
        left -= 1;
        if (left === 0) finished();
      };
      const shared = { redis: bench.redis, workerRedis, concurrency: CONCURRENCY };
      const ours = kind === "ours" && new Coordinated({ ...shared, policy, onStart: () => {}, onDrained: one });
      const side = ours || new BareBullmq({ ...shared, onStart: one });
      await closedLoop(count, 64, async (i) => {
        const id = ids[i] as string;
        if (side instanceof BareBullmq) return side.add(id);
        await side.coordinator.registry.register(id, {});
        return side.coordinator.trigger(id, { source: "manual", reason: "asked", actor: "bench" });
      });
      const [startedAt, cpuBefore] = [performance.now(), await bench.cpuUs()];
      await side.start();
      await end;
      const perSecond = (count / (performance.now() - startedAt)) * 1_000;
      const redisCpuUsEach = ((await bench.cpuUs()) - cpuBefore) / count;
      await side.close();
      workerRedis.disconnect();
      await bench.stop();
      return { perSecond, redisCpuUsEach };
    };
    return {
      contenders: [
        { name: "cycles", run: () => round("ours") },
        { name: BARE, run: () => round("bare") },
      ],
      close: async () => {},
    };
  },
};
