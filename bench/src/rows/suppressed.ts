/** `trigger()` within a claimed window, for many workspaces: the call the coordinator answers most. */
import { Installation, POLICIES, type Profile, RestartCoordinator } from "@restart-coordinator/debounce";
import { DEDUPLICATION, DeduplicatingQueue } from "../against/bullmq-deduplication.ts";
import { rawClaim } from "../against/raw-claim.ts";
import { closedLoop } from "../load/closed-loop.ts";
import { type BenchRedis, startBenchRedis } from "../redis.ts";
import type { Contender, Row } from "../row.ts";

const IN_FLIGHT = 64;
const WHY = { reason: "wrote config.yaml", actor: "canvas" } as const;
const HOUR_MS = 3_600_000;

export const suppressed: Row = {
  id: "suppressed",
  title: `trigger() suppressed, many workspaces, ${IN_FLIGHT} in flight`,
  limits: [
    { measure: "roundTripsEach", atMost: 1 },
    { measure: "perSecond", against: "raw SET NX PX", atLeast: 0.7 },
    { measure: "perSecond", against: "BullMQ throttle, duplicates", atLeast: 2.5 },
    { measure: "perSecond", against: "BullMQ debounce, duplicates" },
    { measure: "perSecond", against: "BullMQ keepLastIfActive, duplicates" },
    { of: "trigger(), coalesced", measure: "roundTripsEach", atMost: 1 },
    { of: "trigger(), coalesced", measure: "perSecond", against: "raw SET NX PX" },
    { of: "trigger(), coalesced", measure: "perSecond", against: "BullMQ throttle, duplicates" },
    { of: "trigger(), coalesced", measure: "perSecond", against: "BullMQ debounce, duplicates" },
  ],
  async open(isShort) {
    const bench = await startBenchRedis();
    const { redis } = bench;
    const ids = Array.from({ length: isShort ? 50 : 2_000 }, (_, i) => `workspace-${i}`);
    const count = isShort ? 200 : 20_000;

    const queues = (Object.keys(DEDUPLICATION) as (keyof typeof DEDUPLICATION)[]).map(
      (mode) => [mode, new DeduplicatingQueue(redis, mode)] as const,
    );
    const asks: [string, (id: string) => Promise<unknown>][] = [
      // What BullMQ does with a duplicate, too: it is gone.
      ["trigger(), dropped", triggers(bench, "seed")],
      // … and what it cannot do: nothing runs, and yet it is recorded what the next cycle owes.
      ["trigger(), coalesced", triggers(bench, "default")],
      ["raw SET NX PX", (id) => rawClaim(redis, id)],
      ...queues.map(([mode, queue]): [string, (id: string) => Promise<unknown>] => [
        `BullMQ ${mode}, duplicates`,
        (id) => queue.add(id, { source: "file-write", ...WHY }),
      ]),
    ];
    for (const [, ask] of asks) await closedLoop(ids.length, IN_FLIGHT, (i) => ask(ids[i] as string));

    const contenders = asks.map(
      ([name, ask]): Contender => ({
        name,
        run: async () => {
          const sentBefore = bench.roundTrips();
          const cpuBefore = await bench.cpuUs();
          const { perSecond } = await closedLoop(count, IN_FLIGHT, (i) => ask(ids[i % ids.length] as string));
          const redisCpuUsEach = ((await bench.cpuUs()) - cpuBefore) / count;
          return { perSecond, roundTripsEach: (bench.roundTrips() - sentBefore) / count, redisCpuUsEach };
        },
      }),
    );
    const close = async () => {
      for (const [, queue] of queues) await queue.close();
      await bench.stop();
    };
    return { contenders, close };
  },
};

/** Each workspace is registered when it is first asked for; its window then outlasts the run. */
function triggers({ redis }: BenchRedis, profile: Profile): (id: string) => Promise<unknown> {
  const policy = POLICIES[profile];
  const fileWrite = { ...policy.sources["file-write"], windowMs: HOUR_MS, maxWaitMs: HOUR_MS };
  const coordinator = new RestartCoordinator(
    new Installation({
      redis,
      prefix: profile,
      policy: { ...policy, sources: { ...policy.sources, "file-write": fileWrite as never } },
    }),
  );
  const registered = new Set<string>();
  const expected = profile === "seed" ? "dropped" : "coalesced";
  return async (id) => {
    const isFirst = !registered.has(id);
    registered.add(id);
    if (isFirst) await coordinator.registry.register(id, {});
    const { decision } = await coordinator.trigger(id, { source: "file-write", ...WHY });
    if (!isFirst && decision !== expected) throw new Error(`expected ${expected}, got ${decision}`);
  };
}
