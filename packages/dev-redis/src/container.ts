import { onFreePort } from "./free-port.ts";
import type { OwnRedis } from "./running-redis.ts";
import { commandLine, type ServerOptions } from "./server-options.ts";

const REDIS_PORT = 6379;

export function redisImage(): string {
  return process.env.REDIS_IMAGE || "redis:7";
}

/** Why no Redis container can be started here, in a line; `undefined` if one can. */
export async function whyNoContainer(): Promise<string | undefined> {
  const { getContainerRuntimeClient, ImageName } = await import("testcontainers");
  const client = await getContainerRuntimeClient().catch(() => undefined);
  if (client === undefined) return "no Docker engine answers";
  const image = ImageName.fromString(redisImage());
  if (await client.image.exists(image)) return undefined;
  return client.image.pull(image).then(
    () => undefined,
    () => `image ${image.string} is not here and cannot be pulled; set REDIS_IMAGE to one that is`,
  );
}

/** Starts Redis in a container. Testcontainers' reaper removes it if this process dies. */
export async function startContainer(options: ServerOptions, pickPort?: () => number): Promise<OwnRedis> {
  // Loaded late: it is large, and most machines have a server.
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import("testcontainers");
  const container = await onFreePort(
    (port) =>
      new GenericContainer(redisImage())
        .withCommand(["redis-server", ...commandLine(options)])
        // A port we chose: one that Docker chooses would be another one after a restart.
        .withExposedPorts({ container: REDIS_PORT, host: port })
        .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
        .start(),
    pickPort,
  );
  const engine = (await getContainerRuntimeClient()).container.getById(container.getId());
  const isRunning = async () => (await engine.inspect()).State.Running;
  let stopping: Promise<unknown> | undefined;
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(REDIS_PORT)}`,
    source: "docker",
    pid: undefined,
    kill: async (signal = "SIGKILL") => {
      if (!(await isRunning())) return;
      await engine.kill({ signal });
      if (signal === "SIGSTOP" || signal === "SIGCONT") return;
      // A frozen server does not see SIGTERM; one that has ended by now cannot be told to go on.
      await engine.kill({ signal: "SIGCONT" }).catch(() => {});
      await engine.wait();
    },
    restart: () => container.restart(),
    stop: async () => {
      stopping ??= container.stop({ remove: true, removeVolumes: true });
      await stopping;
    },
  };
}
