/** From a trigger to the start of its cycle, one at a time, with nothing else to do. */
import { POLICIES } from "@restart-coordinator/debounce";
import { BareBullmq } from "../against/bare-bullmq.ts";
import { Coordinated } from "../coordinated-worker.ts";
import { startBenchRedis } from "../redis.ts";
import type { Measures, Row } from "../row.ts";
import { percentile } from "../statistics.ts";

const BARE = "BullMQ add to processor";

export const startLatency: Row = {
  id: "start-latency",
  title: "trigger to cycle start, idle system",
  limits: [
    { measure: "p50Ms", against: BARE, atMost: 1.5 },
    { measure: "p99Ms", against: BARE, atMost: 1.5 },
  ],
  async open(isShort) {
    const bench = await startBenchRedis();
    const workerRedis = bench.redis.duplicate();
    const count = isShort ? 20 : 1_000;
    const started = new Signal();
    const drained = new Signal();
    const ours = new Coordinated({
      redis: bench.redis,
      workerRedis,
      policy: { ...POLICIES.default, cooldownMs: 0 },
      concurrency: 10,
      onStart: () => started.fire(),
      onDrained: () => drained.fire(),
    });
    const bare = new BareBullmq({ redis: bench.redis, workerRedis, concurrency: 10, onStart: () => started.fire() });
    await ours.coordinator.registry.register("workspace", {});
    await Promise.all([ours.start(), bare.start()]);

    const measured = async (ask: () => Promise<unknown>, settled: () => Promise<unknown>): Promise<Measures> => {
      const took: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const start = started.next();
        const end = settled();
        const askedAt = performance.now();
        await Promise.all([ask(), start]);
        took.push(started.firedAt - askedAt);
        await end;
        // The worker waits for work again: an idle system.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return { p50Ms: percentile(took, 50), p99Ms: percentile(took, 99) };
    };
    return {
      contenders: [
        {
          name: "trigger() to cycle start",
          run: () =>
            measured(
              () => ours.coordinator.trigger("workspace", { source: "manual", reason: "asked", actor: "bench" }),
              () => drained.next(),
            ),
        },
        {
          name: BARE,
          run: () =>
            measured(
              () => bare.add("workspace"),
              () => Promise.resolve(),
            ),
        },
      ],
      close: async () => {
        await Promise.all([ours.close(), bare.close()]);
        workerRedis.disconnect();
        await bench.stop();
      },
    };
  },
};

class Signal {
  firedAt = 0;
  #resolve: () => void = () => {};

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  fire(): void {
    this.firedAt = performance.now();
    this.#resolve();
  }
}
