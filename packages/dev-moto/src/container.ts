import { type Moto, reset } from "./moto.ts";

const PORT = 5_000;
const START_TIMEOUT_MS = 60_000;

export function motoImage(): string {
  return process.env.MOTO_IMAGE || "motoserver/moto:5.2.1";
}

/** Why no moto container can be started here, in a line; undefined if one can. */
export async function whyNoContainer(): Promise<string | undefined> {
  // Loaded late: it is large.
  const { getContainerRuntimeClient, ImageName } = await import("testcontainers");
  const client = await getContainerRuntimeClient().catch(() => undefined);
  if (client === undefined) return "no Docker engine answers";
  const image = ImageName.fromString(motoImage());
  if (await client.image.exists(image)) return undefined;
  return client.image.pull(image).then(
    () => undefined,
    () => `image ${image.string} is not here and cannot be pulled (MOTO_IMAGE names another)`,
  );
}

/** Testcontainers' reaper removes it if this process dies. */
export async function startContainer(): Promise<Moto> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(motoImage())
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp("/moto-api/", PORT).withStartupTimeout(START_TIMEOUT_MS))
    .start();
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(PORT)}`;
  let stopping: Promise<unknown> | undefined;
  return {
    endpoint,
    pid: undefined,
    reset: () => reset(endpoint),
    stop: async () => {
      stopping ??= container.stop();
      await stopping;
    },
  };
}
