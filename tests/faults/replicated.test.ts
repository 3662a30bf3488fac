import { Cycles, Installation, NotReplicatedError, RestartCoordinator } from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { type Server, serverBinary, startReplicaOf, startServer } from "./support/local-servers.ts";

// Enough for a replica that is there, however busy the machine; and little to wait for one that is not.
const THERE_MS = 10_000;
const AWAY_MS = 50;

describe.skipIf(serverBinary === undefined)("with replicas configured (RESTART_MIN_REPLICAS)", () => {
  test("a trigger is acknowledged, and a cycle begins, once the replica has it", async () => {
    const master = await startServer();
    const replica = await startReplicaOf(master);
    const { coordinator, cycles } = sidesOf(master, THERE_MS);
    await coordinator.registry.register("w", {});
    expect(await coordinator.trigger("w", { source: "manual" })).toMatchObject({ decision: "fired" });
    const begun = await cycles.begin("w");
    if (begun.kind !== "begun") throw new Error(`got ${begun.kind}`);

    await master.kill();
    await replica.redis.replicaof("NO", "ONE");
    const after = sidesOf(replica, AWAY_MS);
    expect(await after.cycles.begin("w")).toMatchObject({ kind: "busy" });
    // The lease is the same one on the new master.
    const { fencingToken } = begun.lease.cycle;
    expect(await after.cycles.installation.transitions.renew({ id: "w", fencingToken })).toMatchObject({
      kind: "held",
    });
    begun.lease.abandon();
  });

  test("without the replica no trigger is acknowledged, though it may be carried out", async () => {
    const { coordinator } = sidesOf(await startServer(), AWAY_MS);
    await coordinator.registry.register("w", {});
    await expect(coordinator.trigger("w", { source: "manual" })).rejects.toThrow(NotReplicatedError);
    expect((await coordinator.workspace("w"))?.restart.phase).toBe("scheduled");
  });

  test("a repeated trigger is not acknowledged for the first one's sake before the replica has the first one", async () => {
    const master = await startServer();
    const { coordinator } = sidesOf(master, AWAY_MS);
    await coordinator.registry.register("w", {});
    const request = { source: "manual", idempotency: { key: "k", body: "b" } };
    await expect(coordinator.trigger("w", request)).rejects.toThrow(NotReplicatedError);
    // Another API, whose connection has written nothing yet, gets the repetition: the replica is there, but frozen.
    const replica = await startReplicaOf(master);
    await replica.kill("SIGSTOP");
    await expect(sidesOf(master, AWAY_MS).coordinator.trigger("w", request)).rejects.toThrow(NotReplicatedError);
    await replica.kill("SIGCONT");
    expect(await sidesOf(master, THERE_MS).coordinator.trigger("w", request)).toMatchObject({ decision: "fired" });
  });

  test("without the replica the worker gives its lease up before any side effect, and nobody tries again at once", async () => {
    const master = await startServer();
    const { cycles } = sidesOf(master, AWAY_MS);
    const alone = new RestartCoordinator(new Installation({ redis: master.redis }));
    await alone.registry.register("w", {});
    await alone.trigger("w", { source: "manual" });
    const given = await cycles.begin("w");
    if (given.kind !== "not-replicated") throw new Error(`got ${given.kind}`);
    const { state } = await alone.installation.transitions.view("w");
    expect(state).toMatchObject({ leaseEndsAt: String(given.dueAt) });
    expect(given.dueAt - Number(state.cycleStartedAt)).toBeGreaterThanOrEqual(1_000);

    await startReplicaOf(master);
    const patient = sidesOf(master, THERE_MS).cycles;
    const begun = await eventually("the cycle begins once the replica is there", async () => {
      const reply = await patient.begin("w");
      return reply.kind === "begun" && reply.lease;
    });
    const { startedAt } = begun.cycle;
    expect(begun.cycle).toMatchObject({ how: "takeover", attempt: 2 });
    expect(begun.cycle.now).toBeGreaterThanOrEqual(given.dueAt);
    expect(startedAt).toBeLessThan(begun.cycle.now);
    await begun.end({ outcome: "ok" });
  });

  test("a connection that breaks between a begin and its WAIT does not pass for another server's word", async () => {
    const master = await startServer();
    const redis = connect(master.url);
    const alone = new RestartCoordinator(new Installation({ redis: master.redis }));
    await alone.registry.register("w", {});
    await alone.trigger("w", { source: "manual" });
    const cycles = new Cycles(new Installation({ redis, replication: { minReplicas: 1, timeoutMs: 60_000 } }), {
      worker: "test",
    });
    const refusal = expect(cycles.begin("w")).rejects.toThrow("connection close");
    await eventually("the server waits for the replica", async () =>
      /blocked_clients:1/.test(await master.redis.info("clients")),
    );
    await master.redis.client("KILL", "ID", await idOfTheOneThatWaits(master));
    await refusal;
  });

  test("an old master that lost its replica lets go: its worker's lease runs out (min-replicas-to-write)", async () => {
    const master = await startServer(["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"]);
    const replica = await startReplicaOf(master);
    await eventually("the master takes writes", () => master.redis.set("x", 1).catch(() => false));
    const { coordinator } = sidesOf(master, THERE_MS);
    const cycles = new Cycles(new Installation({ redis: connect(master.url), leaseMs: 1_000 }), { worker: "test" });
    await coordinator.registry.register("w", {});
    await coordinator.trigger("w", { source: "manual" });
    const begun = await cycles.begin("w");
    if (begun.kind !== "begun") throw new Error(`got ${begun.kind}`);
    await replica.kill("SIGKILL");
    await eventually("the worker stops", () => begun.lease.signal.aborted);
    begun.lease.abandon();
  });
});

function sidesOf(server: Server, timeoutMs: number) {
  const redis = connect(server.url);
  const replication = { minReplicas: 1, timeoutMs };
  return {
    coordinator: new RestartCoordinator(new Installation({ redis, replication })),
    cycles: new Cycles(new Installation({ redis, replication }), { worker: "test" }),
  };
}

function connect(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

async function idOfTheOneThatWaits(server: Server): Promise<string> {
  const list = String(await server.redis.client("LIST"));
  const blocked = list.split("\n").find((line) => /\bcmd=wait\b/i.test(line));
  return /\bid=(\d+)/.exec(blocked ?? "")?.[1] ?? "";
}
