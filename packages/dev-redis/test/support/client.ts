import { Redis } from "ioredis";
import { onTestFinished } from "vitest";

/** A connection for one test that says at once when the server is away. */
export function connect(url: string, commandTimeout = 2_000): Redis {
  const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0, commandTimeout });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}
