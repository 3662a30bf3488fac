/** A path to Redis that stops carrying anything, and says so to neither side: everything works again within ten seconds. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect } from "vitest";
import { type Bench, test } from "./support/bench.ts";
import { eventually } from "./support/eventually.ts";

const TOKEN = "a-token-of-this-test";
const WITHIN_MS = 10_000;
/** For a machine that has other work. */
const SLACK_MS = 3_000;

async function apiThrough(bench: Bench, settings: Record<string, string>) {
  const { url } = await bench.api({ ...settings, API_TOKENS: `ci:admin:${TOKEN}`, WEBHOOK_ALLOW_PRIVATE: "true" });
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  await eventually("the API is ready", async () => (await ask("GET", "/readyz")).ok);
  return ask;
}

async function msUntil(what: string, look: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await eventually(what, async () => ((await look()) ? true : undefined));
  return performance.now() - startedAt;
}

describe.concurrent("connections that only look open", () => {
  test("the API takes changes again", async ({ useBench, useServer, useLine }) => {
    const server = await useServer();
    const bench = useBench(server);
    const line = await useLine(server);
    const ask = await apiThrough(bench, { REDIS_URL: line.url });
    expect((await ask("PUT", "/workspaces/w", {})).status).toBe(201);
    line.freeze();
    const ms = await msUntil("a change is taken", async () => (await ask("PUT", "/workspaces/w", {})).ok);
    expect(ms).toBeLessThan(WITHIN_MS + SLACK_MS);
  });

  test("a stream of events tells what happens again", async ({ useBench, useServer, useLine, onTestFinished }) => {
    const server = await useServer();
    const bench = useBench(server);
    await bench.coordinator.registry.register("w", {});
    const line = await useLine(server);
    const ask = await apiThrough(bench, { REDIS_URL: line.url });
    const stream = await ask("GET", "/events?event=WORKSPACE_HELD");
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    onTestFinished(() => reader.cancel());
    let text = "";
    const read = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        text += Buffer.from(value).toString();
      }
    };
    void read().catch(() => {});
    await bench.coordinator.verbs.hold("w", { holdMs: 1_000, actor: "before" });
    await eventually("it tells what happens", () => text.includes("before"));
    line.freeze();
    await bench.coordinator.verbs.hold("w", { holdMs: 1_000, actor: "after" });
    expect(await msUntil("it tells it again", async () => text.includes("after"))).toBeLessThan(WITHIN_MS + SLACK_MS);
  });

  test("an idle worker takes hints again, also one that waits for a hint of later", async ({
    useBench,
    useServer,
    useLine,
  }) => {
    const server = await useServer();
    const bench = useBench({ url: server.url, cooldownMs: 600_000 });
    for (const id of ["w", "cooling"]) await bench.coordinator.registry.register(id, {});
    const line = await useLine(server);
    const worker = await bench.worker({ REDIS_URL: line.url });
    await bench.coordinator.trigger("cooling", { source: "manual" });
    await bench.settled("cooling");
    // Due in ten minutes: a blocking wait has nothing else to end it.
    await bench.coordinator.trigger("cooling", { source: "file-write" });
    await bench.delayedHints(1);
    line.freeze();
    await bench.coordinator.trigger("w", { source: "manual" });
    const ms = await msUntil("the restart is done", async () => (await bench.state("w")).lastCycle?.outcome === "ok");
    expect(ms).toBeLessThan(WITHIN_MS + SLACK_MS);
    await worker.stop();
  });

  test("a worker in the middle of a cycle goes on with the same attempt", async ({ useBench, useServer, useLine }) => {
    const server = await useServer();
    const bench = useBench(server);
    await bench.coordinator.registry.register("w", { spec: { durationMs: 12_000 } });
    const line = await useLine(server);
    const worker = await bench.worker({ REDIS_URL: line.url, RESTART_LEASE_MS: "15000" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await bench.effect("w", "begin");
    line.freeze();
    expect((await bench.settled("w")).lastCycle).toMatchObject({ outcome: "ok", attempt: 1 });
    await worker.stop();
  });

  test("webhooks are told again", async ({ useBench, useServer, useLine, onTestFinished }) => {
    const server = await useServer();
    const bench = useBench(server);
    await bench.coordinator.registry.register("w", {});
    const ask = await apiThrough(bench, {});
    const told: string[] = [];
    const endpoint = createServer((request, response) => {
      request.on("data", (bytes: Buffer) => told.push(bytes.toString())).on("end", () => response.end());
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void endpoint.close());
    await new Promise((resolve) => endpoint.once("listening", resolve));
    const { port } = endpoint.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    expect((await ask("PUT", "/webhooks/h", { url, events: ["WORKSPACE_HELD"] })).status).toBe(201);
    const line = await useLine(server);
    const worker = await bench.worker({ REDIS_URL: line.url, WEBHOOK_ALLOW_PRIVATE: "true" });
    const hold = (actor: string) => bench.coordinator.verbs.hold("w", { holdMs: 1_000, actor });
    const isTold = (actor: string) => told.some((body) => body.includes(actor));
    await hold("before");
    await eventually("it is told", () => isTold("before"));
    line.freeze();
    await hold("after");
    expect(await msUntil("it is told again", async () => isTold("after"))).toBeLessThan(WITHIN_MS + SLACK_MS);
    await worker.stop();
  });
});
