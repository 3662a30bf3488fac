import { Installation, type Receipt, RestartCoordinator } from "@restart-coordinator/debounce";
import { connectRedis, createLogger } from "@restart-coordinator/service";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { acknowledged, serverBinary, startReplicaOf, startServer } from "./support/local-servers.ts";
import { startSentinel } from "./support/sentinel.ts";
import { slowLineTo } from "./support/slow-line.ts";

/**
 * How many acknowledged triggers a failover loses. Once with WAIT in every run; for the figures of docs/failover.md:
 *
 *   FAILOVERS=10 npx vitest run tests/faults/lost-triggers.test.ts
 */
const FAILOVERS = Number(process.env.FAILOVERS ?? 0);
const CALLERS = 16;
/** The load has lasted long enough once each caller has so many receipts, and the replica knows of one. */
const RECEIPTS_EACH = FAILOVERS === 0 ? 5 : 20;

interface Outcome {
  /** From the first trigger to the kill, ms. */
  readonly busyMs: number;
  readonly acknowledged: number;
  readonly lost: number;
}

describe.skipIf(serverBinary === undefined)("a failover under load", () => {
  test("loses no trigger that was acknowledged once the replica had it, however slow the line", async () => {
    const { acknowledged, lost } = await failOverUnderLoad({ lineMs: 20, minReplicas: 1 });
    expect(acknowledged).toBeGreaterThan(0);
    expect(lost).toBe(0);
  });

  describe.skipIf(FAILOVERS === 0)(`figures of ${FAILOVERS} failovers each`, () => {
    const table: Record<string, unknown>[] = [];
    afterAll(() => console.table(table));

    for (const lineMs of [0, 1, 5, 50]) {
      for (const minReplicas of [0, 1]) {
        test(`a line of ${lineMs} ms, RESTART_MIN_REPLICAS=${minReplicas}`, { timeout: 600_000 }, async () => {
          const outcomes: Outcome[] = [];
          for (let i = 0; i < FAILOVERS; i += 1) outcomes.push(await failOverUnderLoad({ lineMs, minReplicas }));
          const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
          table.push({
            lineMs,
            minReplicas,
            "acknowledged/s": Math.round(
              sum(({ acknowledged }) => acknowledged) / (sum(({ busyMs }) => busyMs) / 1_000),
            ),
            "failovers with a loss": outcomes.filter(({ lost }) => lost > 0).length,
            "lost, in all": sum(({ lost }) => lost),
            "lost, at most": Math.max(...outcomes.map(({ lost }) => lost)),
          });
          if (minReplicas > 0) expect(sum(({ lost }) => lost)).toBe(0);
        });
      }
    }
  });
});

/** Callers ask for one restart after the other; then the master is killed, and its replica asked what it knows. */
async function failOverUnderLoad({ lineMs, minReplicas }: { lineMs: number; minReplicas: number }): Promise<Outcome> {
  const master = await startServer();
  const replica = await startReplicaOf(master, lineMs === 0 ? master.port : await slowLineTo(master.port, lineMs));
  const sentinel = await startSentinel(master);
  const api = connectRedis({ REDIS_URL: sentinel.url }, "fail-fast", createLogger("test", "silent"));
  onTestFinished(() => api.disconnect());
  await new Promise((resolve) => api.once("ready", resolve));
  const coordinator = new RestartCoordinator(
    new Installation({ redis: api, replication: { minReplicas, timeoutMs: 700 } }),
  );
  const ids = Array.from({ length: CALLERS }, (_, i) => `w${i}`);
  for (const id of ids) await coordinator.registry.register(id, {});
  await acknowledged(master);

  const newest = new Map<string, Receipt[]>(ids.map((id) => [id, []]));
  const startedAt = performance.now();
  const callers = ids.map((id) => {
    const receipts = newest.get(id) as Receipt[];
    const ask = async () => receipts.push(await coordinator.trigger(id, { source: "manual" }));
    const load = (async () => {
      while (receipts.length < RECEIPTS_EACH) await ask();
    })();
    // It goes on until it is refused, for the master is gone: whoever got no receipt was promised nothing.
    const untilGone = load.then(async () => {
      for (;;) await ask();
    });
    return { load, end: untilGone.catch(() => {}) };
  });
  await Promise.allSettled(callers.map(({ load }) => load));
  const known = new RestartCoordinator(new Installation({ redis: replica.redis }));
  const knownOf = async (id: string) => (await known.workspace(id))?.restart.generation ?? 0;
  await eventually("the replica knows of a trigger", async () => (await Promise.all(ids.map(knownOf))).some(Boolean));
  const busyMs = performance.now() - startedAt;
  await master.kill("SIGKILL");
  await Promise.all(callers.map(({ end }) => end));
  expect(await sentinel.masterAfter(master.port)).toBe(replica.port);

  let given = 0;
  let lost = 0;
  for (const [id, receipts] of newest) {
    const generation = await knownOf(id);
    given += receipts.length;
    lost += receipts.filter((receipt) => receipt.generation > generation).length;
  }
  return { busyMs, acknowledged: given, lost };
}
