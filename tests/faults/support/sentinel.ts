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
import { serverBinary } from "./local-servers.ts";

const NAME = "mymaster";

export interface Sentinel {
  /** As REDIS_URL takes it. */
  readonly url: string;
  /** Where it speaks TLS, if it does. */
  readonly tlsPort: number | undefined;
  /** Resolves with the port of whom it calls the master, once that is another than given. */
  masterAfter(port: number): Promise<number>;
}

export interface SentinelOptions {
  /** Lines of its configuration. */
  readonly config?: readonly string[];
  /** It speaks TLS, too, and to servers nothing else: options as on redis-server's command line. */
  readonly tls?: readonly string[];
  /** A user it knows, and the password. */
  readonly user?: readonly [name: string, password: string];
}

/** Resolves once it knows the master, and its replica if there is one: it can fail over from then on. */
export async function startSentinel(
  master: { readonly port: number; readonly redis?: Redis },
  { config = [], tls, user }: SentinelOptions = {},
): Promise<Sentinel> {
  const directory = await mkdtemp(join(tmpdir(), "sentinel-"));
  const guard = startGuard({ directory });
  const { port, tlsPort, sentinel } = await onFreePort(async (port) => {
    const tlsPort = tls && port + 1;
    const file = join(directory, `${port}.conf`);
    const encrypted = tls && [`tls-port ${tlsPort}`, "tls-replication yes", ...asLines(tls)];
    await writeFile(file, configuration(port, directory, master.port, [...(encrypted ?? []), ...config]));
    const process = spawn(serverBinary as string, [file, "--sentinel"], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    guard.watch(process.pid);
    await running(process);
    return { port, tlsPort, sentinel: process };
  });
  const [username, password] = user ?? [];
  const redis = new Redis({ port, host: "127.0.0.1", ...(username && { username, password: password as string }) });
  redis.on("error", () => {});
  onTestFinished(async () => {
    redis.disconnect();
    sentinel.kill("SIGKILL");
    await guard.finish();
  });
  const replicas = /connected_slaves:(\d+)/.exec((await master.redis?.info("replication")) ?? "")?.[1];
  if (Number(replicas) > 0) {
    await eventually("Sentinel knows the replica", async () => {
      const [replica] = (await redis.call("SENTINEL", "replicas", NAME)) as string[][];
      // The link is told by the replica itself: Sentinel has heard from it.
      return replica?.[replica.indexOf("master-link-status") + 1] === "ok";
    });
  }
  return {
    url: `redis+sentinel://127.0.0.1:${port}/${NAME}`,
    tlsPort,
    masterAfter: (before) =>
      eventually("Sentinel has failed over", async () => {
        const [, current] = (await redis.call("SENTINEL", "get-master-addr-by-name", NAME)) as string[];
        return Number(current) !== before && Number(current);
      }),
  };
}

/** `--name value --name value` as a file has it. */
function asLines(options: readonly string[]): string[] {
  return options.join(" ").split(/ ?--/).slice(1);
}

function configuration(port: number, directory: string, masterPort: number, more: readonly string[]): string {
  return `port ${port}
bind 127.0.0.1
dir ${directory}
${more.map((line) => `${line}\n`).join("")}sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 1
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
