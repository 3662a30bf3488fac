import { startContainer, whyNoContainer } from "./container.ts";
import { startLocalServer } from "./local-server.ts";
import { type Moto, NoMotoError } from "./moto.ts";

/**
 * Starts moto: `moto_server` where it is installed, else its image (`MOTO_IMAGE`) where a Docker engine runs.
 * @throws NoMotoError where neither is to be had
 */
export async function startMoto(): Promise<Moto> {
  const local = await startLocalServer();
  if (local !== undefined) return local;
  const obstacle = await whyNoContainer();
  if (obstacle === undefined) return startContainer();
  throw new NoMotoError(
    `there is no moto: moto_server is not on PATH, ${obstacle}. To get it: pip install 'moto[server]'`,
  );
}
