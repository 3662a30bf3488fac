/** `pnpm bench:observing`: what it costs Redis and a worker to look at many workspaces. */
import { parseArgs } from "node:util";
import { Cycles, Installation, Observations, RestartCoordinator } from "@restart-coordinator/debounce";
import { WorkerMetrics } from "@restart-coordinator/service";
import { pino } from "pino";
import { Lookout } from "../../../apps/worker/src/observing/lookout.ts";
import { observeLoop } from "../../../apps/worker/src/observing/observe-loop.ts";
import type { Provisioner } from "../../../apps/worker/src/provisioners/provisioner.ts";
import { type BenchRedis, startBenchRedis } from "../redis.ts";

const USAGE = `pnpm bench:observing [--workspaces N] [--interval MS] [--rounds N]

  --workspaces   how many run (default 10000)
  --interval     between two looks at each, ms (default 15000)
  --rounds       so many intervals are measured, after one that is not (default 2)`;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    workspaces: { type: "string", default: "10000" },
    interval: { type: "string", default: "15000" },
    rounds: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});
const [workspaces, intervalMs, rounds] = [values.workspaces, values.interval, values.rounds].map(Number) as [
  number,
  number,
  number,
];
const MADE_AT_ONCE = 500;

/** A provisioner whose looks cost nothing: what is left is the coordinator's. */
const SEEN: Provisioner = {
  name: "seen",
  preflight: async () => ({ ok: true }),
  restart: async () => ({ instance: { id: 1 } }),
  stop: async () => {},
  status: async () => ({ seen: "online", detail: "it runs", isOurs: true }),
  effectiveSpec: (spec) => spec,
};

async function makeRunning(installation: Installation, coordinator: RestartCoordinator): Promise<void> {
  const effectiveSpec = (spec: Readonly<Record<string, unknown>>) => SEEN.effectiveSpec?.(spec);
  const cycles = new Cycles(installation, { worker: "bench", effectiveSpec });
  const spec = { command: ["node", "agent.js"], env: { MODE: "production", TOKEN: "t" }, stopTimeoutMs: 10_000 };
  for (let made = 0; made < workspaces; made += MADE_AT_ONCE) {
    const ids = Array.from({ length: Math.min(MADE_AT_ONCE, workspaces - made) }, (_, n) => `ws-${made + n}`);
    await Promise.all(ids.map((id) => coordinator.registry.register(id, { spec })));
    await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "manual" })));
    const begun = await Promise.all(ids.map((id) => cycles.begin(id)));
    await Promise.all(
      begun.map((one) => one.kind === "begun" && one.lease.end({ outcome: "ok", instance: { id: 1 } })),
    );
  }
}

async function measure(bench: BenchRedis): Promise<void> {
  const installation = new Installation({ redis: bench.redis, prefix: "bench" });
  const coordinator = new RestartCoordinator(installation);
  await makeRunning(installation, coordinator);
  const observations = new Observations(coordinator, { actor: "bench", effectiveSpec: (spec) => spec });
  const logger = pino({ level: "warn" });
  const metrics = new WorkerMetrics();
  const lookout = new Lookout({ observations, provisioner: SEEN, atOnce: 200, metrics, logger });
  const loop = observeLoop({ lookout, observations, provisioner: SEEN, shards: [0], intervalMs, logger });
  await loop.start();
  await new Promise((resolve) => setTimeout(resolve, intervalMs));
  const before = {
    redis: await bench.cpuUs(),
    worker: process.cpuUsage(),
    looks: await looks(metrics),
    at: performance.now(),
  };
  await new Promise((resolve) => setTimeout(resolve, rounds * intervalMs));
  const tookUs = (performance.now() - before.at) * 1_000;
  const worker = process.cpuUsage(before.worker);
  const seen = (await looks(metrics)) - before.looks;
  const [redisUs, workerUs] = [(await bench.cpuUs()) - before.redis, worker.user + worker.system];
  await loop.stop();
  const shown = (us: number) => `${((100 * us) / tookUs).toFixed(2)} % of a core, ${(us / seen).toFixed(1)} µs a look`;
  console.log(`${workspaces} workspaces, a look each ${intervalMs} ms: ${seen} looks in ${Math.round(tookUs / 1e6)} s`);
  console.log(`Redis   ${shown(redisUs)}\nworker  ${shown(workerUs)}`);
}

async function looks(metrics: WorkerMetrics): Promise<number> {
  const { text } = await metrics.expose();
  return Number(/restart_observations_total\{seen="online"\} (\d+)/.exec(text)?.[1]);
}

if (values.help) console.log(USAGE);
else {
  const bench = await startBenchRedis();
  await measure(bench).finally(() => bench.stop());
}
