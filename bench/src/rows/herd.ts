/** A herd: so many concurrent `trigger()` for one workspace in one replica. */
import { Installation, type Receipt, RestartCoordinator } from "@restart-coordinator/debounce";
import { rawClaim } from "../against/raw-claim.ts";
import { startBenchRedis } from "../redis.ts";
import type { Row } from "../row.ts";

const MOST_ROUND_TRIPS = 12;
/** One takes some ten milliseconds, in which a single collection of garbage counts for too much. */
const HERDS_EACH = 10;

export const herd: Row = {
  id: "herd",
  title: "herd: 10,000 concurrent trigger() for one workspace in one replica",
  limits: [
    { measure: "roundTrips", atMost: MOST_ROUND_TRIPS },
    { measure: "wrongReceipts", atMost: 0 },
    { measure: "perSecond", against: "raw SET NX PX", atLeast: 5 },
  ],
  async open(isShort) {
    const bench = await startBenchRedis();
    const count = isShort ? 1_000 : 10_000;
    const coordinator = new RestartCoordinator(new Installation({ redis: bench.redis }));
    const herdsEach = isShort ? 1 : HERDS_EACH;
    let herds = 0;
    const ours = async () => {
      const seen = { ms: 0, roundTrips: 0, wrongReceipts: 0 };
      for (let herd = 0; herd < herdsEach; herd += 1) {
        const id = `workspace-${herds++}`;
        await coordinator.registry.register(id, {});
        const sentBefore = bench.roundTrips();
        const startedAt = performance.now();
        const receipts = await Promise.all(
          Array.from({ length: count }, (_, i) =>
            coordinator.trigger(id, { source: "file-write", reason: `file ${i % 50}` }),
          ),
        );
        seen.ms += performance.now() - startedAt;
        seen.roundTrips = Math.max(seen.roundTrips, bench.roundTrips() - sentBefore);
        const state = await coordinator.workspace(id);
        const covered = state?.restart.why[0]?.count ?? 0;
        seen.wrongReceipts += wrongAmong(receipts) + Math.abs(count - covered);
      }
      const { roundTrips, wrongReceipts } = seen;
      return { perSecond: ((count * herdsEach) / seen.ms) * 1_000, roundTrips, wrongReceipts };
    };
    const raw = async () => {
      let ms = 0;
      for (let herd = 0; herd < herdsEach; herd += 1) {
        const id = `workspace-${herds++}`;
        const startedAt = performance.now();
        await Promise.all(Array.from({ length: count }, () => rawClaim(bench.redis, id)));
        ms += performance.now() - startedAt;
      }
      return { perSecond: ((count * herdsEach) / ms) * 1_000 };
    };
    return {
      contenders: [
        { name: "trigger()", run: ours },
        { name: "raw SET NX PX", run: raw },
      ],
      close: () => bench.stop(),
    };
  },
};

/** One fires, the others are coalesced; no two share an id, and none has a generation below one before it. */
function wrongAmong(receipts: readonly Receipt[]): number {
  const fired = receipts.filter(({ decision }) => decision === "fired").length;
  const others = receipts.filter(({ decision, rule }) => decision === "coalesced" && rule === "pending").length;
  const distinct = new Set(receipts.map(({ triggerId }) => triggerId)).size;
  const falls = receipts.filter(({ generation }, i) => generation < (receipts[i - 1]?.generation ?? 0)).length;
  return Math.abs(fired - 1) + Math.abs(receipts.length - 1 - others) + (receipts.length - distinct) + falls;
}
