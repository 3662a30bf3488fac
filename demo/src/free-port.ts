import { createServer } from "node:net";

/** Below the ports a system hands to outgoing connections: a free one stays free until it is used. */
const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS = 50;

/** A loopback port nobody listens on, other than those already `taken`. */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${FIRST} and ${FIRST + COUNT} in ${ATTEMPTS} attempts`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
