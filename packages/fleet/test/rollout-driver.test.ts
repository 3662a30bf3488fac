/** Drivers that die between two steps, and those that go on. */
import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { beforeEach, describe, expect, test } from "vitest";
import { RolloutDriver, type RolloutRequest, Rollouts } from "../src/index.ts";
import { useRedis } from "./support/redis.ts";

const { redis, prefix } = useRedis();
const LEASE_MS = 60_000;
let count = 0;
let rollouts: Rollouts;
let coordinator: RestartCoordinator;

beforeEach(() => {
  count += 1;
  const own = `${prefix}-${count}`;
  rollouts = new Rollouts(new Installation({ redis, prefix: own, leaseMs: LEASE_MS }));
  coordinator = new RestartCoordinator(new Installation({ redis, prefix: own, shards: 3 }));
});

const REQUEST: RolloutRequest = { source: "manual", actor: "ops", maxConcurrent: 10, splayMs: 0 };
const driverOf = (owner: string) => new RolloutDriver({ rollouts, coordinator, owner });

async function register(total: number): Promise<string[]> {
  const ids = Array.from({ length: total }, (_, n) => `w${String(n).padStart(4, "0")}`);
  await Promise.all(ids.map((id) => coordinator.registry.register(id, { tags: { team: "red" } })));
  return ids;
}

/** The lease of whoever drives it runs out, as Redis sees it. */
const expireLease = (id: string) => redis.hset(rollouts.keys.ofRollout("rollout", id), "driverUntil", 1);

/** From its next call of that transition on, the process is dead. */
function dieAt(driven: Rollouts, transition: "note" | "settle" | "freeze", calls = 1): void {
  let left = calls;
  const { transitions } = driven;
  const work = transitions[transition].bind(transitions) as (call: never) => Promise<never>;
  transitions[transition] = (async (call: never) => {
    left -= 1;
    if (left <= 0) throw new Error("killed");
    return work(call);
  }) as never;
}

function mortal(owner: string, transition: "note" | "settle" | "freeze", calls = 1): RolloutDriver {
  const own = new Rollouts(new Installation({ redis, prefix: `${prefix}-${count}`, leaseMs: LEASE_MS }));
  dieAt(own, transition, calls);
  return new RolloutDriver({ rollouts: own, coordinator, owner });
}

describe("a driver that dies", () => {
  test("after a trigger, before it is noted: the next one asks again, and it is the same trigger", async () => {
    const ids = await register(3);
    await rollouts.create("r-1", { ...REQUEST, ids }, "body");
    await expect(mortal("first", "note").pass()).rejects.toThrow("killed");
    const asked = (await coordinator.workspace("w0000"))?.restart;
    expect(asked?.why).toMatchObject([{ source: "manual", count: 1 }]);

    await driverOf("second").pass();
    expect((await rollouts.get("r-1"))?.counts.running).toBe(1);
    await expireLease("r-1");
    await driverOf("second").pass();
    expect((await rollouts.get("r-1"))?.counts).toMatchObject({ running: 3, waiting: 0 });
    const again = (await coordinator.workspace("w0000"))?.restart;
    expect(again?.generation).toBe(asked?.generation);
    expect(again?.why).toMatchObject([{ source: "manual", count: 1 }]);
  });

  test("while it builds the list: the next one goes on from the last page, and nobody is in it twice", async () => {
    const ids = await register(450);
    const first = mortal("first", "freeze", 2);
    await rollouts.create("r-1", { ...REQUEST, selector: { tags: { team: "red" } } }, "body", first.owner);
    await expect(first.prepare("r-1")).rejects.toThrow("killed");
    expect(await rollouts.get("r-1")).toMatchObject({ state: "preparing", counts: { total: 200 } });
    await expireLease("r-1");
    await driverOf("second").pass();
    expect(await rollouts.get("r-1")).toMatchObject({ state: "running", counts: { total: 450, running: 10 } });
    const { members } = await rollouts.members("r-1", { cursor: 0, limit: 1_000 });
    expect(members.map(({ workspaceId }) => workspaceId)).toEqual(ids);
  });
});

describe("a driver", () => {
  test("that leaves lets another go on at once", async () => {
    await register(1);
    await rollouts.create("r-1", { ...REQUEST, ids: ["w0000"] }, "body");
    const first = driverOf("first");
    await first.pass();
    await first.leave();
    expect((await rollouts.transitions.claim({ id: "r-1", owner: "second" })).kind).toBe("claimed");
  });

  test("goes on with the others when one rollout cannot", async () => {
    const ids = await register(2);
    await rollouts.create("r-1", { ...REQUEST, ids: ids.slice(0, 1) }, "body");
    await rollouts.create("r-2", { ...REQUEST, ids: ids.slice(1) }, "body");
    await redis.hset(rollouts.keys.ofRollout("rollout", "r-1"), "canary", "not JSON");
    await expect(driverOf("first").pass()).rejects.toThrow();
    expect((await rollouts.get("r-2"))?.counts.running).toBe(1);
  });

  test("fails a member whose source the policy no longer knows", async () => {
    const ids = await register(1);
    await rollouts.create("r-1", { ...REQUEST, source: "gone", ids }, "body");
    await driverOf("first").pass();
    const { members } = await rollouts.members("r-1", { cursor: 0, limit: 1 });
    expect(members).toMatchObject([{ status: "failed", error: expect.stringContaining('unknown source "gone"') }]);
  });
});
