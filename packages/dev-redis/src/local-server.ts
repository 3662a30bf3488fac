import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { onFreePort } from "./free-port.ts";
import { startGuard } from "./guard.ts";
import type { OwnRedis } from "./running-redis.ts";
import { commandLine, type ServerOptions } from "./server-options.ts";

const READY = "Ready to accept connections";
const READY_WITHIN_MS = 30_000;
const LOG_LINES_IN_AN_ERROR = 8;

/** Starts `binary` on a free loopback port, with a fresh directory for its files. */
export async function startLocalServer(
  binary: string,
  options: ServerOptions,
  pickPort?: () => number,
): Promise<OwnRedis> {
  const directory = await mkdtemp(join(tmpdir(), "dev-redis-"));
  const guard = startGuard({ directory });
  const launch = async (port: number) => {
    const address = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory];
    const server = spawnServer(binary, [...address, ...commandLine(options)]);
    guard.watch(server.process.pid);
    void server.ended.then(() => guard.gone(server.process.pid));
    await server.ready;
    return { ...server, port };
  };

  let server = await onFreePort(launch, pickPort).catch(async (error: unknown) => {
    await guard.finish();
    throw error;
  });
  const hasEnded = () => server.process.exitCode !== null || server.process.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    server.process.ref();
    server.process.kill(signal);
    server.process.kill("SIGCONT"); // a frozen server does not see SIGTERM
    await server.ended;
  };
  return {
    url: `redis://127.0.0.1:${server.port}`,
    source: basename(binary).includes("valkey") ? "valkey-server" : "redis-server",
    get pid() {
      return hasEnded() ? undefined : server.process.pid;
    },
    kill: async (signal = "SIGKILL") => {
      if (hasEnded()) return;
      if (signal === "SIGSTOP" || signal === "SIGCONT") server.process.kill(signal);
      else await end(signal);
    },
    restart: async () => {
      if (!hasEnded()) await end("SIGTERM");
      server = await launch(server.port);
    },
    stop: async () => {
      if (!hasEnded()) await end("SIGKILL");
      await guard.finish();
    },
  };
}

interface SpawnedServer {
  readonly process: ChildProcess;
  /** Rejects with the server's last words if it ends before it is ready. */
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
}

function spawnServer(binary: string, args: readonly string[]): SpawnedServer {
  // In a session of its own: on Ctrl-C the tests, or the demo, still need it while they tidy up.
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const log: string[] = [];
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve()); // instead of 'exit' if the binary cannot be run
  });
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (what: string) => reject(new Error([`${binary} ${what}. Its last lines:`, ...log].join("\n  ")));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`did not print "${READY}" within ${READY_WITHIN_MS} ms`);
    }, READY_WITHIN_MS);
    child.once("error", (error) => fail(`could not be started (${error.message})`));
    // 'close' comes after the last log line, 'exit' may come before.
    child.once("close", (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`} before it was ready`));
    void ended.then(() => clearTimeout(timer));
    const onLine = (line: string) => {
      log.push(line);
      if (log.length > LOG_LINES_IN_AN_ERROR) log.shift();
      if (!line.includes(READY)) return;
      clearTimeout(timer);
      // A caller that forgets to stop it may still exit; the guard then ends the server.
      child.unref();
      for (const output of outputs) (output as Socket).unref();
      resolve();
    };
    // Read to the end, ready or not: a full pipe would block the server.
    const outputs = [child.stdout, child.stderr];
    for (const input of outputs) createInterface({ input }).on("line", onLine);
  });
  return { process: child, ready, ended };
}
