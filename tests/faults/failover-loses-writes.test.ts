import { type CycleLease, Cycles, Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { MemoryLedger } from "../../apps/worker/src/provisioners/simulated-ledger.ts";
import { serverBinary, startReplicaOf, startServer } from "./support/local-servers.ts";

// The replica is promoted before the "last writes" are made on the old master, which is then killed: exactly those
// writes are lost, every time.
describe.skipIf(serverBinary === undefined)("race: failover that loses the last writes", () => {
  test("a lost begin: the new master's lease has a higher token, the old one's holder can write nothing", async () => {
    const { before, after, failOver } = await twoMasters();
    const ledger = new MemoryLedger();
    await before.coordinator.registry.register("w", {});
    await before.coordinator.trigger("w", { source: "manual" });
    await failOver.promote();
    const forgotten = await begin(before.cycles);
    expect(await ledger.apply("begin", actorOf(forgotten))).toBe("applied");
    await failOver.kill();

    const second = await begin(after.cycles);
    expect(second.cycle.fencingToken).toBeGreaterThan(forgotten.cycle.fencingToken);
    expect(second.cycle.cycleId).not.toBe(forgotten.cycle.cycleId);
    expect(await ledger.apply("begin", actorOf(second))).toBe("applied");
    // The first worker goes on, with its old lease, on the new master.
    const { fencingToken } = forgotten.cycle;
    const { transitions } = after.cycles.installation;
    expect(await transitions.journal({ id: "w", fencingToken, journal: "{}" })).toEqual({ kind: "lost" });
    expect(await transitions.renew({ id: "w", fencingToken })).toEqual({ kind: "lost" });
    expect(await ledger.apply("end", actorOf(forgotten))).toBe("refused");
    expect(await second.end({ outcome: "ok" })).toMatchObject({ kind: "ended", what: "ok" });
    forgotten.abandon();
  });

  test("a lost trigger: its generation is not given to the next one, so no receipt is taken for another's", async () => {
    const { before, after, failOver } = await twoMasters();
    await before.coordinator.registry.register("w", {});
    const kept = await before.coordinator.trigger("w", { source: "manual" });
    await failOver.promote();
    const lost = await before.coordinator.trigger("w", { source: "manual" });
    await failOver.kill();

    const next = await after.coordinator.trigger("w", { source: "manual" });
    expect(next.generation).toBeGreaterThan(lost.generation);
    expect(next.triggerId).not.toBe(lost.triggerId);
    const lease = await begin(after.cycles);
    expect(lease.cycle.covers).toMatchObject([{ source: "manual", count: 2 }]);
    expect(lease.cycle.generation).toBeGreaterThan(kept.generation);
    await lease.end({ outcome: "ok" });
  });

  test("a lost end: the cycle is owed still, and is done again rather than not at all", async () => {
    const { before, after, failOver } = await twoMasters({ leaseMs: 300 });
    await before.coordinator.registry.register("w", {});
    await before.coordinator.trigger("w", { source: "manual" });
    const lease = await begin(before.cycles);
    await failOver.promote();
    expect(await lease.end({ outcome: "ok" })).toMatchObject({ what: "ok" });
    await failOver.kill();

    const { leaseEndsAt } = (await after.coordinator.installation.transitions.view("w")).state;
    const again = await begin(after.cycles, Number(leaseEndsAt));
    expect(again.cycle).toMatchObject({ how: "takeover", cycleId: lease.cycle.cycleId, attempt: 2 });
    await again.end({ outcome: "ok" });
    expect((await after.coordinator.workspace("w"))?.restart.phase).toBe("idle");
  });
});

async function twoMasters(options: { leaseMs?: number } = {}) {
  const old = await startServer();
  const next = await startReplicaOf(old);
  return {
    before: sidesOf(old.redis, options),
    after: sidesOf(next.redis, options),
    failOver: {
      promote: async () => {
        // In step first: what was written up to here is not among the lost.
        await old.redis.call("WAIT", 1, 5_000);
        await next.redis.replicaof("NO", "ONE");
      },
      kill: () => old.kill(),
    },
  };
}

function sidesOf(redis: Redis, options: { leaseMs?: number }) {
  return {
    coordinator: new RestartCoordinator(new Installation({ redis })),
    cycles: new Cycles(new Installation({ redis, ...options }), { worker: "test" }),
  };
}

async function begin(cycles: Cycles, notBefore = 0): Promise<CycleLease> {
  for (;;) {
    const reply = await cycles.begin("w");
    if (reply.kind === "begun") return reply.lease;
    if (reply.kind !== "busy" || reply.leaseEndsAt > notBefore) throw new Error(`expected a cycle, got ${reply.kind}`);
  }
}

function actorOf({ cycle, workspaceId }: CycleLease) {
  const { cycleId, attempt, fencingToken } = cycle;
  return { workspaceId, cycleId, attempt, fencingToken };
}
