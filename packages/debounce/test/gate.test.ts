import { describe, expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { Fleet } from "./support/fleet.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();
const fleet = new Fleet(own, POLICIES.default, { replicas: 2, workers: 1 });
const { cooldownMs } = POLICIES.default;
const by = { actor: "ann" };

/** A workspace whose first cycle runs. */
async function running(id: string) {
  await fleet.register(id);
  await fleet.trigger(id, "manual");
  const cycle = await fleet.next();
  return { cycle, startedAt: cycle.lease.cycle.startedAt, gate: () => fleet.coordinator.restarting(id) };
}

describe("the gate for probes", () => {
  test("is open for what is unknown, idle or only owed", async () => {
    const open = { restarting: false, cooling: false, startedAt: undefined, cooldownEndsAt: undefined };
    expect(await fleet.coordinator.restarting("unknown")).toEqual(open);
    await fleet.register("owed");
    expect(await fleet.coordinator.restarting("owed")).toEqual(open);
    await fleet.trigger("owed", "secret-change");
    expect(await fleet.coordinator.restarting("owed")).toEqual(open);
  });

  test("tells since when a cycle runs, and then until when the cooldown after its start lasts", async () => {
    const { cycle, startedAt, gate } = await running("told");
    const cooldown = { cooling: true, startedAt, cooldownEndsAt: startedAt + cooldownMs };
    expect(await gate()).toEqual({ restarting: true, ...cooldown });
    cycle.finish();
    await fleet.drained();
    expect(await gate()).toEqual({ restarting: false, ...cooldown });
  });

  test("means the cycle that waits for its retry, not the one before it", async () => {
    const { cycle, startedAt, gate } = await running("retried");
    cycle.finish({ outcome: "failed", error: "it broke", retryable: true });
    await fleet.drained();
    expect(await gate()).toMatchObject({ restarting: false, cooling: true, startedAt });
  });

  test("means the last restart, though a stop came after it", async () => {
    const { cycle, startedAt, gate } = await running("stopped");
    cycle.finish();
    await fleet.drained();
    await fleet.coordinator.registry.desire("stopped", "paused", by);
    const stop = await fleet.next();
    expect(await gate(), "a stop is no time for probes either").toMatchObject({ restarting: true });
    stop.finish();
    await fleet.drained();
    expect(await gate()).toMatchObject({ restarting: false, cooling: true, startedAt });
  });
});
