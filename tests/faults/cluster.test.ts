import { Cycles, Installation, NotReplicatedError, RestartCoordinator } from "@restart-coordinator/debounce";
import { Cluster } from "ioredis";
import { describe, expect, onTestFinished } from "vitest";
import { test } from "./support/bench.ts";
import { addReplica, startCluster, type TestCluster } from "./support/cluster.ts";
import { eventually } from "./support/eventually.ts";
import { type Server, serverBinary } from "./support/local-servers.ts";

const TOKEN = "a-token-of-this-test";
const IDS = Array.from({ length: 16 }, (_, i) => `w${i}`);

describe.skipIf(serverBinary === undefined)("on a Redis Cluster of three nodes, with SHARDS = 4", () => {
  test("triggers over HTTP become cycles of a worker process, at once, on every node", async ({ useBench }) => {
    const cluster = await startCluster();
    const bench = useBench({ url: cluster.url, shards: 4 });
    // Hints alone: BullMQ's queues and their blocking connections have to work.
    const worker = bench.workerProcess({ RESTART_SWEEP_MS: "3600000" });
    const api = bench.apiProcess({ API_TOKENS: `ci:admin:${TOKEN}` });
    const { url } = await api.logged(/listening/);
    const ask = async (method: string, path: string, body?: unknown) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    };
    await worker.logged(/takes restarts/);
    for (const id of IDS) expect(await ask("PUT", `/workspaces/${id}`, {})).toMatchObject({ status: 201 });

    const answers = await Promise.all(
      IDS.map((id) => ask("POST", `/workspaces/${id}/triggers`, { source: "file-write" })),
    );
    for (const { status, body } of answers) expect([status, body.decision]).toEqual([202, "fired"]);
    for (const id of IDS) expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
    expect(await bench.ledger.entries()).toHaveLength(2 * IDS.length);
    expect(await bench.failedJobs()).toBe(0);
    const keys = await Promise.all(cluster.nodes.map(({ redis }) => redis.dbsize()));
    expect(keys.filter((count) => count > 0).length).toBeGreaterThan(1);

    const { body } = await ask("GET", "/workspaces");
    expect((body.workspaces as unknown[]).length).toBe(IDS.length);
    expect(await ask("DELETE", "/workspaces/w0")).toMatchObject({ status: 202 });
    await expect.poll(async () => (await ask("GET", "/workspaces/w0")).status, { timeout: 10_000 }).toBe(404);
    worker.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    api.kill("SIGTERM");
    expect(await api.ended).toBe(0);
  });

  test("the sweep finds what no hint led to, on every shard", async ({ useBench }) => {
    const { url } = await startCluster();
    const bench = useBench({ url, shards: 4, hints: false });
    await Promise.all(IDS.map((id) => bench.coordinator.registry.register(id, {})));
    await Promise.all(IDS.map((id) => bench.coordinator.trigger(id, { source: "manual" })));
    await bench.worker();
    for (const id of IDS) expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
  });

  test("RESTART_MIN_REPLICAS asks the node that has the workspace's slot", async ({ useBench }) => {
    const cluster = await startCluster();
    const { redis, prefix } = useBench({ url: cluster.url, shards: 1 });
    const sides = (timeoutMs: number) => {
      const options = { redis, prefix, replication: { minReplicas: 1, timeoutMs } };
      return {
        coordinator: new RestartCoordinator(new Installation(options)),
        cycles: new Cycles(new Installation({ ...options }), { worker: "test" }),
      };
    };
    const away = sides(50);
    await away.coordinator.registry.register("w", {});
    await expect(away.coordinator.trigger("w", { source: "manual" })).rejects.toThrow(NotReplicatedError);

    await addReplica(cluster, await ownerIn(cluster));
    const there = sides(10_000);
    expect(await there.coordinator.trigger("w", { source: "manual" })).toMatchObject({ decision: "coalesced" });
    const begun = await there.cycles.begin("w");
    expect(begun.kind).toBe("begun");
    if (begun.kind === "begun") await begun.lease.end({ outcome: "ok" });
  });

  test("a worker waits for a slot that has no master, however long", async ({ useBench }) => {
    const cluster = await startCluster();
    const bench = useBench({ url: cluster.url, shards: 1 });
    await bench.coordinator.registry.register("w", {});
    const owner = await ownerIn(cluster);
    await owner.kill("SIGKILL");
    const cycles = new Cycles(new Installation({ redis: bench.redis, prefix: bench.prefix }), { worker: "test" });
    let isOver = false;
    const begin = cycles.begin("w").finally(() => {
      isOver = true;
    });
    // Longer than ioredis follows redirections unless it is told to: a client that was not gives up twice meanwhile.
    const usual = usualClientOf(cluster);
    const question = () => usual.get(bench.coordinator.installation.keys.forWorkspace("workspace", "w"));
    for (let i = 0; i < 2; i += 1) await expect(question()).rejects.toThrow();
    expect(isOver).toBe(false);
    await owner.restart();
    expect(await begin).toEqual({ kind: "idle" });
  });

  test("a master that dies in mid-cycle is replaced by its replica, and the cycle goes on", async ({ useBench }) => {
    const cluster = await startCluster();
    const replication = { minReplicas: 1, timeoutMs: 10_000 };
    const bench = useBench({ url: cluster.url, shards: 1, replication });
    await bench.coordinator.registry.register("w", {});
    const owner = await ownerIn(cluster);
    const replica = await addReplica(cluster, owner);
    const worker = bench.workerProcess({
      RESTART_MIN_REPLICAS: "1",
      RESTART_REPLICA_TIMEOUT_MS: "1000",
      SIMULATED_DURATION_MS: "5000",
    });
    await bench.coordinator.trigger("w", { source: "manual" });
    const began = await bench.effect("w", "begin");
    const during = await bench.coordinator.trigger("w", { source: "manual", reason: "while it runs" });
    await owner.kill("SIGKILL");
    await eventually("the replica is the master", async () =>
      /role:master/.test(await replica.redis.info("replication")),
    );

    const ended = await bench.effect("w", "end");
    expect(ended).toMatchObject({ cycleId: began.cycleId, fencingToken: began.fencingToken });
    worker.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    // There is no further replica to wait for: the setting is lowered.
    await bench.worker();
    expect((await bench.settled("w")).observedGeneration).toBeGreaterThanOrEqual(during.generation);
    expect((await bench.effects("w")).map(({ effect }) => effect)).toEqual(["begin", "end", "begin", "end"]);
  });
});

/** A client that follows redirections as often as ioredis does by itself. */
function usualClientOf({ nodes }: TestCluster): Cluster {
  const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

/** The node that has what there is so far. */
async function ownerIn({ nodes }: TestCluster): Promise<Server> {
  const sizes = await Promise.all(nodes.map(({ redis }) => redis.dbsize()));
  const owner = nodes[sizes.findIndex((size) => size > 0)];
  if (owner === undefined) throw new Error("no node has any key");
  return owner;
}
