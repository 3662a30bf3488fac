/** A Redis that answers and takes no writes is told of everywhere, and left as soon as another one is the master. */
import { describeCondition } from "@restart-coordinator/debounce";
import { onFreePort } from "@restart-coordinator/dev-redis";
import { describe, expect } from "vitest";
import { scrape } from "../support/metrics.ts";
import { type Bench, test } from "./support/bench.ts";
import { eventually } from "./support/eventually.ts";
import { type Server, serverBinary, startReplicaOf } from "./support/local-servers.ts";

const TOKEN = "a-token-of-this-test";

async function startApi(bench: Bench, url: string) {
  const api = await bench.api({ REDIS_URL: url, API_TOKENS: `ci:admin:${TOKEN}` });
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(api.url + path, { method, headers, ...(body !== undefined && { body: String(body) }) });
    return { status: answer.status, text: await answer.text() };
  };
  await eventually("the API is ready", async () => (await ask("GET", "/readyz")).status === 200);
  return { ask, url: api.url };
}

/** Resolves with where its health is served. */
async function startWorker(bench: Bench): Promise<string> {
  return onFreePort(async (port) => {
    await bench.worker({ METRICS_PORT: String(port) });
    return `http://127.0.0.1:${port}`;
  });
}

/** The master becomes the replica of its replica; whoever is connected to it stays so. */
async function swap(master: Server, replica: Server): Promise<void> {
  await replica.redis.call("REPLICAOF", "NO", "ONE");
  await master.redis.call("REPLICAOF", "127.0.0.1", replica.port);
}

describe.skipIf(serverBinary === undefined)("a master that is demoted in place", () => {
  test("is left for the one that has its address now", async ({ useBench, useServer, useLine }) => {
    const master = await useServer();
    const replica = await startReplicaOf(master);
    const line = await useLine(master);
    const bench = useBench({ url: replica.url });
    const { ask } = await startApi(bench, line.url);
    await bench.worker({ REDIS_URL: line.url });
    expect((await ask("PUT", "/workspaces/w", "{}")).status).toBe(201);
    await swap(master, replica);
    line.leadTo(replica.port);
    const swappedAt = performance.now();
    await eventually("a change is taken", async () => (await ask("PUT", "/workspaces/w", "{}")).status === 200);
    expect(performance.now() - swappedAt).toBeLessThan(10_000);
    // The worker's way, its blocking connection included.
    await ask("POST", "/workspaces/w/restart", "{}");
    expect((await bench.settled("w")).lastCycle).toMatchObject({ outcome: "ok" });
  });

  test("is not ready, as long as there is no other", async ({ useBench, useServer }) => {
    const server = await useServer();
    const { ask } = await startApi(useBench(server), server.url);
    await server.redis.call("REPLICAOF", "127.0.0.1", "1");
    await eventually("it is not ready", async () => /is a replica here/.test((await ask("GET", "/readyz")).text));
    await server.redis.call("REPLICAOF", "NO", "ONE");
    await eventually("it is ready again", async () => (await ask("GET", "/readyz")).status === 200);
  });
});

describe.concurrent("Redis takes no writes in the middle of a cycle, for less than the lease", () => {
  const IDS = Array.from({ length: 8 }, (_, n) => `w${n}`);

  test.for([
    ["out-of-memory", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["read-only", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
  ] as const)("%s: the same attempts go on, and end well", async ([_, off, on], { useBench, useServer }) => {
    const server = await useServer();
    const bench = useBench(server);
    // They begin before, and end while nothing is taken or after; there are journal entries, renewals and ends to refuse.
    for (const [n, id] of IDS.entries())
      await bench.coordinator.registry.register(id, { spec: { durationMs: 300 * n } });
    await bench.worker({ RESTART_LEASE_MS: "11000", RESTART_SWEEP_MS: "200" });
    await Promise.all(IDS.map((id) => bench.coordinator.trigger(id, { source: "manual" })));
    for (const id of IDS) await bench.effect(id, "begin");
    await server.redis.call(...(off as unknown as [string]));
    // The outage itself: its length is what is tested. It outlasts a renewal, and leaves a slow machine most of the lease.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await server.redis.call(...(on as unknown as [string]));
    for (const id of IDS) {
      expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok", attempt: 1 });
      expect(await bench.events(id, "WORKSPACE_PROVISIONING")).toHaveLength(1);
    }
    expect(await bench.failedJobs()).toBe(0);
  });
});

describe.concurrent("Redis takes no writes", () => {
  const NO_WRITES = "~* -@all +@read +@connection +eval +evalsha +time +info";
  const WITHOUT_KEYS = "~other:* -@all +@read +@write +@connection +eval +evalsha +time +info";

  test.for([
    ["out-of-memory", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
    ["read-only", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    [
      "too-few-replicas",
      ["CONFIG", "SET", "min-replicas-to-write", "1"],
      ["CONFIG", "SET", "min-replicas-to-write", "0"],
    ],
    [
      "not-permitted",
      ["ACL", "SETUSER", "default", "resetkeys", ...NO_WRITES.split(" ")],
      ["ACL", "SETUSER", "default", "~*", "+@all"],
    ],
    [
      "not-permitted",
      ["ACL", "SETUSER", "default", "resetkeys", ...WITHOUT_KEYS.split(" ")],
      ["ACL", "SETUSER", "default", "~*", "+@all"],
    ],
  ] as const)("%s (%s): readiness and metrics say so", async ([condition, off, on], { useBench, useServer }) => {
    const server = await useServer();
    // As another user than the one that is refused.
    await server.redis.call("ACL", "SETUSER", "operator", "on", ">operator", "~*", "&*", "+@all");
    await server.redis.auth("operator", "operator");
    const bench = useBench(server);
    const { url: apiUrl } = await startApi(bench, server.url);
    const workerUrl = await startWorker(bench);
    const readyz = async (url: string) => {
      const answer = await fetch(`${url}/readyz`);
      return { ...((await answer.json()) as { reason?: string }), status: answer.status };
    };
    const metrics = (url: string) => scrape(url, url === apiUrl ? TOKEN : undefined);
    for (const url of [apiUrl, workerUrl]) {
      await eventually("it is ready", async () => (await readyz(url)).status === 200);
      expect((await metrics(url)).value("restart_redis_up")).toBe(1);
    }

    await server.redis.call(...(off as unknown as [string]));
    for (const url of [apiUrl, workerUrl]) {
      const answer = await eventually("it is not ready", async () => {
        const found = await readyz(url);
        return found.status === 503 && found;
      });
      expect(answer.reason).toBe(describeCondition(condition));
      // A connection to a master that was demoted is given up again and again: between two of them Redis is away.
      await eventually("the metrics say so", async () => {
        const found = await metrics(url);
        expect(found.value("restart_redis_up")).toBe(0);
        return found.of("restart_redis_condition").some(({ labels }) => labels.condition === condition);
      });
    }

    await server.redis.call(...(on as unknown as [string]));
    for (const url of [apiUrl, workerUrl]) {
      await eventually("it is ready again", async () => (await readyz(url)).status === 200);
      expect((await metrics(url)).of("restart_redis_condition")).toEqual([]);
    }
  });
});
