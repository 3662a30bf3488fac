/**
 * The whole system under a steady load: a Redis Cluster of three nodes, two APIs, two workers that share six shards; a
 * third worker joins after a while, and nobody is started again for it.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Process, startProcess } from "../processes.ts";
import { startSoakCluster } from "./cluster.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { type Sample, type Trend, takeSample, trendsOf } from "./samples.ts";

const SHARDS = 6;
const SAMPLES = 60;
const WORKSPACES = 40;
const PER_SECOND = 100;

export interface SoakResult extends LoadResult {
  readonly trends: readonly Trend[];
  readonly samples: readonly Sample[];
  readonly isFlat: boolean;
}

export async function runSoak(minutes: number, onSample: (sample: Sample) => void): Promise<SoakResult> {
  const cluster = await startSoakCluster();
  const directory = await mkdtemp(join(tmpdir(), "soak-"));
  const token = randomBytes(16).toString("hex");
  const processes: Record<string, Process> = {};
  const end = new AbortController();
  try {
    const env = {
      REDIS_URL: cluster.url,
      SHARDS: String(SHARDS),
      WORKSPACES_DIR: directory,
      RESTART_COOLDOWN_MS: "2000",
      // What expires by time must have come and gone within the run.
      RESTART_ACTIVITY_TTL_MS: "20000",
      LOG_LEVEL: "warn",
    };
    const api = { ...env, PORT: "0", API_TOKENS: `soak:admin:${token}`, LOG_LEVEL: "info" };
    const worker = { ...env, PROVISIONER: "simulated", SIMULATED_DURATION_MS: "50", LOG_LEVEL: "info" };
    const started = await Promise.all([
      startProcess("api", api),
      startProcess("api", api),
      startProcess("worker", { ...worker, WORKER_SHARDS: "0-3" }),
      startProcess("worker", { ...worker, WORKER_SHARDS: "2-5" }),
    ]);
    for (const [i, name] of ["api 1", "api 2", "worker 1", "worker 2"].entries()) {
      processes[name] = started[i] as Process;
    }
    const urls = started.map(({ url }) => url).filter((url) => url !== "");
    const load = runLoad({ urls, token, workspaces: WORKSPACES, perSecond: PER_SECOND, signal: end.signal });

    processes["worker 3"] = await startProcess("worker", worker);
    const samples: Sample[] = [];
    for (let i = 0; i < SAMPLES; i += 1) {
      await sleep((minutes * 60_000) / SAMPLES);
      const sample = await takeSample(cluster, processes);
      samples.push(sample);
      onSample(sample);
    }
    end.abort();
    const result = await load;
    const trends = trendsOf(samples);
    const isFlat = trends.every((trend) => trend.isFlat);
    return { ...result, trends, samples, isFlat };
  } finally {
    end.abort();
    await Promise.all(Object.values(processes).map((process) => process.stop()));
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
