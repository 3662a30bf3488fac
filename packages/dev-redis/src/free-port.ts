const FIRST = 20_000;
const COUNT = 12_000;
const ATTEMPTS = 10;

/**
 * Calls `start` with a random port until one is not taken. The ports lie below those a system hands to outgoing
 * connections: while a killed server is down, a reconnecting client might else be given the server's own port.
 */
export async function onFreePort<T>(
  start: (port: number) => Promise<T>,
  pickPort: () => number = randomPort,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(pickPort());
    } catch (error) {
      if (attempt === ATTEMPTS || !isTaken(error)) throw error;
    }
  }
}

function randomPort(): number {
  return FIRST + Math.floor(Math.random() * COUNT);
}

/** The server's own words, then Docker's. */
function isTaken(error: unknown): boolean {
  return /address already in use|port is already allocated/i.test(String(error));
}
