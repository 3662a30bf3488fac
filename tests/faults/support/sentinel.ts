/** A Sentinel of a test's own, watching one master. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onFreePort, startGuard } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";
import { type Server, serverBinary } from "./local-servers.ts";

const NAME = "mymaster";

export interface Sentinel {
  /** As REDIS_URL takes it. */
  readonly url: string;
  /** Resolves with the port of whom it calls the master, once that is another than given. */
  masterAfter(port: number): Promise<number>;
}

/** Resolves once it knows the master and its replica: it can fail over from then on. */
export async function startSentinel(master: Server): Promise<Sentinel> {
  const directory = await mkdtemp(join(tmpdir(), "sentinel-"));
  const guard = startGuard({ directory });
  const { port, sentinel } = await onFreePort(async (port) => {
    const config = join(directory, `${port}.conf`);
    await writeFile(config, configuration(port, directory, master.port));
    const process = spawn(serverBinary as string, [config, "--sentinel"], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    guard.watch(process.pid);
    await running(process);
    return { port, sentinel: process };
  });
  const redis = new Redis(port, "127.0.0.1");
  redis.on("error", () => {});
  onTestFinished(async () => {
    redis.disconnect();
    sentinel.kill("SIGKILL");
    await guard.finish();
  });
  await eventually("Sentinel knows the replica", async () => {
    const [replica] = (await redis.call("SENTINEL", "replicas", NAME)) as string[][];
    // The link is told by the replica itself: Sentinel has heard from it.
    return replica?.[replica.indexOf("master-link-status") + 1] === "ok";
  });
  return {
    url: `redis+sentinel://127.0.0.1:${port}/${NAME}`,
    masterAfter: (before) =>
      eventually("Sentinel has failed over", async () => {
        const [, current] = (await redis.call("SENTINEL", "get-master-addr-by-name", NAME)) as string[];
        return Number(current) !== before && Number(current);
      }),
  };
}

function configuration(port: number, directory: string, masterPort: number): string {
  return `port ${port}
bind 127.0.0.1
dir ${directory}
sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 1
sentinel down-after-milliseconds ${NAME} 500
sentinel failover-timeout ${NAME} 5000
`;
}

async function running(process: ChildProcess): Promise<void> {
  let log = "";
  process.stdout?.on("data", (chunk) => {
    log += chunk;
  });
  const ended = once(process, "exit");
  await Promise.race([
    eventually("Sentinel runs", () => /\+monitor/.test(log)),
    ended.then(() => Promise.reject(new Error(`Sentinel ended:\n${log}`))),
  ]);
  process.unref();
}
