import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { parseCsv } from "@restart-coordinator/simulator";
import { expect } from "vitest";
import { type Bench, test } from "../faults/support/bench.ts";
import type { Child } from "../faults/support/child.ts";
import { eventually } from "../faults/support/eventually.ts";
import { mostAtOnce } from "./ledger.ts";

const TOKEN = "operate-token-0123456789";
const LIMIT = 20;

interface Rollout {
  readonly id: string;
  readonly state: string;
  readonly counts: Readonly<Record<"total" | "waiting" | "running" | "done" | "failed" | "skipped", number>>;
}

/** Whom the recorded trace restarts: 400 workspaces, for one global secret. */
function traced(): string[] {
  const trace = readFileSync(new URL("../../traces/global-secret.csv", import.meta.url), "utf8");
  return parseCsv("global-secret", trace).map(({ workspace }) => workspace);
}

async function startApi(bench: Bench): Promise<(method: string, path: string, body?: unknown) => Promise<Rollout>> {
  const api = bench.apiProcess({ API_TOKENS: `ops:operate:${TOKEN}` });
  const { url } = await api.logged(/listening on/);
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
    return (await response.json()) as Rollout;
  };
}

/** The worker that advances the rollout now. */
async function driverOf(bench: Bench, { id }: Rollout, workers: readonly Child[]): Promise<Child | undefined> {
  const driver = await bench.redis.hget(`{${bench.prefix}:fleet}:rollout:${id}`, "driver");
  return workers.find(({ pid }) => driver?.startsWith(`${hostname()}:${pid}/`));
}

test("400 workspaces for one secret: never more than the limit at once, each restarted once, a worker killed meanwhile", async ({
  useBench,
}) => {
  const bench = useBench({ shards: 2 });
  const workspaces = traced();
  expect(new Set(workspaces).size).toBe(400);
  const settings = { RESTART_LEASE_MS: "1500", CONCURRENCY: "20" };
  const workers = [bench.workerProcess(settings), bench.workerProcess(settings)];
  const ask = await startApi(bench);
  await Promise.all(workspaces.map((id) => bench.coordinator.registry.register(id, { tags: { secret: "GLOBAL" } })));
  await Promise.all(workers.map((worker) => worker.logged(/takes restarts/)));

  const rollout = await ask("POST", "/rollouts", {
    selector: { tags: { secret: "GLOBAL" } },
    reason: "GLOBAL_API_KEY",
    maxConcurrent: LIMIT,
    canary: { count: 3 },
  });
  expect(rollout).toMatchObject({ state: "running", counts: { total: 400 } });
  const at = (done: number) =>
    eventually(`${done} workspaces are done`, async () => {
      const now = await ask("GET", `/rollouts/${rollout.id}?limit=0`);
      expect(now.counts.running).toBeLessThanOrEqual(LIMIT);
      return now.counts.done >= done && now;
    });

  await at(100);
  // The one that drives it: another must go on with both the rollout and the cycles.
  const victim = await eventually("a worker drives the rollout", () => driverOf(bench, rollout, workers));
  victim.kill("SIGKILL");
  await victim.ended;
  await at(400);
  const ended = await ask("GET", `/rollouts/${rollout.id}`);
  expect(ended).toMatchObject({ state: "finished", counts: { total: 400, done: 400, failed: 0, skipped: 0 } });

  const lines = workers.flatMap(({ log }) => log).filter(({ rolloutId }) => rolloutId === rollout.id);
  const decided = new Set(lines.filter(({ decision }) => decision !== undefined).map((line) => line.workspaceId));
  expect(decided.size).toBeGreaterThanOrEqual(399);

  const entries = await bench.ledger.entries();
  expect(mostAtOnce(entries)).toBeLessThanOrEqual(LIMIT);
  const cycles = new Set(entries.map(({ workspaceId, cycleId }) => `${workspaceId} ${cycleId}`));
  expect(cycles.size).toBe(400);
  const restarted = new Set(entries.filter(({ effect }) => effect === "end").map(({ workspaceId }) => workspaceId));
  expect(restarted).toEqual(new Set(workspaces));
});
