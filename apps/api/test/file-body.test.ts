import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { bodyOf } from "../src/file-body.ts";

const SMALL = 64 * 1024;

/** A request that has begun, as the server sees it, and its client. */
async function begun(headers: Record<string, string | number>) {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const client = request({ port: (server.address() as AddressInfo).port, method: "PUT", headers });
  client.on("error", () => {});
  client.flushHeaders();
  onTestFinished(() => void client.destroy());
  const [incoming] = (await once(server, "request")) as [IncomingMessage];
  return { client, incoming };
}

test.each([0, 1, SMALL])("a body of %i bytes is read whole", async (bytes) => {
  const { client, incoming } = await begun({ "content-length": bytes });
  const sent = Buffer.alloc(bytes, "x");
  const body = bodyOf(incoming);
  client.end(sent);
  expect(sent.equals((await body) as Buffer)).toBe(true);
});

test("a larger one is left to be read as it comes", async () => {
  const { client, incoming } = await begun({ "content-length": SMALL + 1 });
  expect(await bodyOf(incoming)).toBe(incoming);
  client.end(Buffer.alloc(SMALL + 1));
  expect(await buffer(incoming)).toHaveLength(SMALL + 1);
});

test("one that does not say its length is, too", async () => {
  const { incoming } = await begun({ "transfer-encoding": "chunked" });
  expect(await bodyOf(incoming)).toBe(incoming);
});

test("one that somebody has read before is not taken for an empty one", async () => {
  const { client, incoming } = await begun({ "content-length": 3 });
  client.end("old");
  await buffer(incoming);
  expect(await bodyOf(incoming)).toBe(incoming);
});

test.each([
  ["while it is read", true],
  ["before it is read", false],
])("one that breaks off %s is an error, and not half a body", async (_, isReading) => {
  const { client, incoming } = await begun({ "content-length": 1_000 });
  client.write("half");
  const early = isReading ? bodyOf(incoming) : undefined;
  early?.catch(() => {});
  const closed = new Promise((resolve) => incoming.once("close", resolve));
  incoming.on("error", () => {});
  client.destroy();
  await closed;
  await expect(early ?? bodyOf(incoming)).rejects.toThrow();
});
