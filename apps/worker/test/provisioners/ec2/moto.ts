/**
 * Starts moto, an EC2 server that others wrote: `moto_server` where it is installed, its image where a Docker engine
 * runs. Knows nothing of the provisioner: whatever puts something before moto may start it with this, too.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Moto {
  /** http://127.0.0.1:port */
  readonly endpoint: string;
  /** Forgets every resource of every account. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const IMAGE = process.env.MOTO_IMAGE ?? "motoserver/moto:5.2.1";
/** Importing its services takes a while on a busy machine, ms. */
const START_TIMEOUT_MS = 60_000;
const HOW_TO_GET_IT = "pip install 'moto[server]', or start a Docker engine";

/**
 * Resolves to undefined where there is no moto, having said so in one line: the tests are then to be skipped.
 * @throws Error instead, with REQUIRE_MOTO=1
 */
export async function startMoto(): Promise<Moto | undefined> {
  const moto = (await startLocally()) ?? (await startContainer());
  if (moto !== undefined) return moto;
  const message = `no moto, so the tests against EC2 are not run: ${HOW_TO_GET_IT}`;
  if (process.env.REQUIRE_MOTO === "1") throw new Error(message);
  console.warn(message);
  return undefined;
}

async function startLocally(): Promise<Moto | undefined> {
  const port = await freePort();
  const child = spawn("moto_server", ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const ended = once(child, "exit").catch(() => []);
  const started = await Promise.race([once(child, "spawn").then(() => true), ended.then(() => false)]).catch(
    () => false,
  );
  if (!started) return undefined;
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const endpoint = `http://127.0.0.1:${port}`;
  await Promise.race([
    answering(endpoint),
    ended.then(([code]) => Promise.reject(new Error(`moto_server ended with status ${code} before it answered`))),
  ]).catch((error) => {
    kill();
    throw error;
  });
  return {
    endpoint,
    reset: () => reset(endpoint),
    async stop() {
      process.off("exit", kill);
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function startContainer(): Promise<Moto | undefined> {
  try {
    const { GenericContainer, Wait } = await import("testcontainers");
    const wait = Wait.forHttp("/moto-api/", 5_000).withStartupTimeout(START_TIMEOUT_MS);
    const container = await new GenericContainer(IMAGE).withExposedPorts(5_000).withWaitStrategy(wait).start();
    const endpoint = `http://${container.getHost()}:${container.getMappedPort(5_000)}`;
    return { endpoint, reset: () => reset(endpoint), stop: async () => void (await container.stop()) };
  } catch {
    // No engine, or no image to be had.
    return undefined;
  }
}

async function answering(endpoint: string): Promise<void> {
  const by = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const ok = await fetch(`${endpoint}/moto-api/`).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    if (Date.now() > by) throw new Error(`moto did not answer within ${START_TIMEOUT_MS} ms`);
    await sleep(50);
  }
}

async function reset(endpoint: string): Promise<void> {
  await fetch(`${endpoint}/moto-api/reset`, { method: "POST" });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
