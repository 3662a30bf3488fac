import { Agent, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { TestApi, TOKENS } from "./support/api.ts";
import { send } from "./support/http.ts";

/** Far below what it takes until an idle connection is given up. */
const AT_ONCE_MS = 2_000;

async function started(): Promise<TestApi> {
  const api = new TestApi();
  onTestFinished(() => api.end());
  await api.start();
  return api;
}

/** Stops the API; tells how long that took. */
async function stopped(api: TestApi): Promise<number> {
  const start = performance.now();
  await api.service.stop();
  return performance.now() - start;
}

/** An upload of which the first half has arrived; `finish` sends the rest. */
async function uploading(api: TestApi, id: string, agent: Agent) {
  const path = `/workspaces/${id}/files/half.txt`;
  const headers = { authorization: `Bearer ${TOKENS.trigger}`, expect: "100-continue" };
  const outgoing = request({ host: "127.0.0.1", port: api.port, method: "PUT", path, headers, agent });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", (incoming) => incoming.resume().once("end", () => resolve(incoming)));
    outgoing.once("error", reject);
  });
  // The server says so once it has the request.
  await new Promise((resolve) => outgoing.once("continue", resolve).flushHeaders());
  outgoing.write("first half, ");
  return { response, finish: () => outgoing.end("second half") };
}

test("a request under way is finished, and what it wrote is there", async () => {
  const api = await started();
  const id = await api.workspace();
  const agent = new Agent({ keepAlive: true });
  const { response, finish } = await uploading(api, id, agent);

  const stopping = stopped(api);
  finish();
  expect((await response).statusCode).toBe(200);
  expect(await stopping).toBeLessThan(AT_ONCE_MS);

  const other = new TestApi({ beside: () => api });
  onTestFinished(() => other.end());
  await other.start();
  const { text } = await other.ask("GET", `/workspaces/${id}/files/half.txt`);
  expect(text).toBe("first half, second half");
  expect((await other.state(id)).restart.why).toMatchObject([{ source: "file-write", count: 1 }]);
  agent.destroy();
});

test("the connection of a request under way takes no other, and the stop does not wait for it", async () => {
  const api = await started();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { response, finish } = await uploading(api, await api.workspace(), agent);
  const stopping = stopped(api);
  finish();
  expect((await response).headers.connection).toBe("close");
  await expect(send(api.port, "GET", "/healthz", { agent })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(await stopping).toBeLessThan(AT_ONCE_MS);
  agent.destroy();
});

test("new connections are refused", async () => {
  const api = await started();
  await api.service.stop();
  await expect(send(api.port, "GET", "/healthz", {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("connections that ask for nothing do not hold it up", async () => {
  const api = await started();
  const agent = new Agent({ keepAlive: true });
  await send(api.port, "GET", "/healthz", { agent });
  const silent = await connected(api.port);
  const slow = await connected(api.port);
  slow.write("GET /healthz HTTP/1.1\r\nHost: x\r\n");
  expect(await stopped(api)).toBeLessThan(AT_ONCE_MS);
  await vi.waitFor(() => expect([silent.destroyed, slow.destroyed]).toEqual([true, true]), { timeout: 10_000 });
  agent.destroy();
});

test("a file that is being sent is sent to its end", async () => {
  const api = await started();
  const id = await api.workspace();
  const content = Buffer.alloc(8 * 1024 * 1024, "x");
  await api.ask("PUT", `/workspaces/${id}/files/large`, { body: content });
  const headers = { authorization: `Bearer ${TOKENS.read}` };
  const agent = new Agent({ keepAlive: true });
  const asked = { host: "127.0.0.1", port: api.port, path: `/workspaces/${id}/files/large`, headers, agent };
  const incoming = await new Promise<IncomingMessage>((resolve) => request(asked, resolve).end());

  const stopping = stopped(api);
  let bytes = 0;
  for await (const piece of incoming) bytes += (piece as Buffer).length;
  expect(bytes).toBe(content.length);
  expect(await stopping).toBeLessThan(AT_ONCE_MS);
  agent.destroy();
});

test("stopping twice is stopping once", async () => {
  const api = await started();
  await Promise.all([api.service.stop(), api.service.stop()]);
  await api.service.stop();
});

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}
