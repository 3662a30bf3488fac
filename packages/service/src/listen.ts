import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigurationError } from "./configuration-error.ts";

/** An address that somebody listens on. */
export interface Address {
  readonly port: number;
  readonly url: string;
}

/**
 * Listens where two variables say; `variable` is the name of the port's. Port 0 is any free one.
 * @throws ConfigurationError when the port is taken
 */
export async function listen(server: Server, host: string, port: number, variable: string): Promise<Address> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(isTaken ? new ConfigurationError([`${variable} ${port} on ${host} is taken: choose another`]) : error);
    });
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return { port: bound, url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}` };
}
