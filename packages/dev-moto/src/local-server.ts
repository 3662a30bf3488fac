import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { onFreePort, startGuard } from "@restart-coordinator/dev-redis";
import { type Moto, reset } from "./moto.ts";

/** Importing its services takes a while on a busy machine, ms. */
const START_TIMEOUT_MS = 60_000;
const ERROR_CHARACTERS = 500;

/** `moto_server` of this machine, which ends when this process does; undefined where it is not installed. */
export async function startLocalServer(): Promise<Moto | undefined> {
  return onFreePort(async (port) => {
    const guard = startGuard({});
    const moto = await launch(port, (pid) => guard.watch(pid)).catch(async (error: unknown) => {
      await guard.finish();
      throw error;
    });
    const { pid } = moto ?? {};
    if (moto === undefined || pid === undefined) {
      await guard.finish();
      return undefined;
    }
    const endpoint = `http://127.0.0.1:${port}`;
    // The guard ends it, by SIGKILL: it keeps nothing.
    return { endpoint, pid, reset: () => reset(endpoint), stop: () => guard.finish() };
  });
}

/** Resolves once it answers; to undefined when there is no such program. */
async function launch(port: number, started: (pid: number | undefined) => void) {
  // In a session of its own: on Ctrl-C the tests, or the demo, still need it while they tidy up.
  const child = spawn("moto_server", ["-H", "127.0.0.1", "-p", String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-ERROR_CHARACTERS);
  });
  const ended = once(child, "close").then(([code]) => `ended with status ${code}: ${errors.trim()}`);
  ended.catch(() => {});
  const isThere = await once(child, "spawn").then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  started(child.pid);
  const over = new AbortController();
  try {
    await Promise.race([
      answering(`http://127.0.0.1:${port}`, over.signal),
      ended.then((how) => Promise.reject(new Error(`moto_server ${how}`))),
    ]);
  } finally {
    over.abort();
  }
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  return child;
}

async function answering(endpoint: string, over: AbortSignal): Promise<void> {
  const by = Date.now() + START_TIMEOUT_MS;
  while (!over.aborted) {
    const ok = await fetch(`${endpoint}/moto-api/`).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    if (Date.now() > by) throw new Error(`moto_server did not answer within ${START_TIMEOUT_MS} ms`);
    await sleep(50);
  }
}
