/** A Redis that evicts keys after all: what it forgot is told, for nobody could restart it. */
import { WorkerMetrics } from "@restart-coordinator/service";
import { pino } from "pino";
import { expect } from "vitest";
import { type Bench, test } from "../../../tests/faults/support/bench.ts";
import { eventually } from "../../../tests/faults/support/eventually.ts";
import type { Server } from "../../../tests/faults/support/local-servers.ts";
import { Scrape } from "../../../tests/support/metrics.ts";
import { evictionWatch } from "../src/eviction-watch.ts";

const IDS = Array.from({ length: 100 }, (_, n) => `w${n}`);

/** Lets the server throw away about half of what it has. */
async function evictHalf({ redis }: Server): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  const before = await redis.dbsize();
  await redis.config("SET", "maxmemory-policy", "allkeys-random");
  for (let most = used; (await redis.dbsize()) > before / 2; most -= 20_000) {
    await redis.config("SET", "maxmemory", String(most));
    // Whoever writes pays for it.
    await redis.set("another's", "x").catch(() => {});
  }
}

async function observed(bench: Bench) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const metrics = new WorkerMetrics();
  const watch = evictionWatch({ installation: bench.coordinator.installation, metrics, logger, intervalMs: 20 });
  await watch.start();
  const scraped = async () => new Scrape((await metrics.expose()).text);
  const value = async (name: string) => (await scraped()).value(name) as number;
  return { lines, value, watch };
}

test("the policy is told of once, and every workspace that was forgotten once, by name", async ({
  useBench,
  useServer,
  onTestFinished,
}) => {
  const server = await useServer();
  const bench = useBench(server);
  for (const id of IDS) {
    await bench.coordinator.registry.register(id, {});
    await bench.coordinator.trigger(id, { source: "file-write" });
    await bench.coordinator.verbs.hold(id, { holdMs: 600_000, actor: "ann" });
  }
  const { lines, value, watch } = await observed(bench);
  onTestFinished(() => watch.stop());
  expect(await value("restart_redis_evicted_keys")).toBe(0);
  await evictHalf(server);
  const told = await eventually("the workspaces are told of", () => {
    const named = lines.filter(({ workspaceId }) => workspaceId !== undefined);
    return named.length > 10 && named;
  });
  for (const { msg, level } of told) {
    expect(msg).toMatch(/^what is known of workspace w\d+ has vanished from Redis: what it was owed is lost$/);
    expect(level).toBe(50);
  }
  expect(lines.filter(({ msg }) => /allkeys-random\): a key that vanishes/.test(String(msg)))).toHaveLength(1);
  expect(await value("restart_redis_evicted_keys")).toBeGreaterThan(10);
  const count = await eventually("each is counted", async () => {
    const named = lines.filter(({ workspaceId }) => workspaceId !== undefined);
    const counted = await value("restart_states_vanished_total");
    return counted === named.length && named;
  });
  expect(new Set(count.map(({ workspaceId }) => workspaceId)).size).toBe(count.length);
});
