import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { vanishedStates } from "../src/workspace/vanished.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis({ shards: 2 });
const vanished: string[] = [];
const installation = new Installation({
  redis: own.redis,
  prefix: own.prefix,
  shards: 2,
  observer: { stateVanished: (id) => vanished.push(id) },
});
const coordinator = new RestartCoordinator(installation);
const cycles = new Cycles(installation, { worker: "test" });

/** As an eviction does. */
const evict = (id: string) => own.redis.del(installation.keys.forWorkspace("state", id));

async function found(): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of vanishedStates(installation)) ids.push(id);
  return ids.sort();
}

test("a workspace that was due, and whose state is gone, is told when its cycle is to begin", async () => {
  for (const id of ["kept", "gone"]) {
    await coordinator.registry.register(id, {});
    await coordinator.trigger(id, { source: "manual" });
  }
  await evict("gone");
  expect(await cycles.begin("gone")).toEqual({ kind: "idle" });
  const begun = await cycles.begin("kept");
  if (begun.kind === "begun") await begun.lease.end({ outcome: "ok" });
  // Neither is due any more.
  for (const id of ["gone", "kept", "nobody"]) expect(await cycles.begin(id)).toEqual({ kind: "idle" });
  expect(vanished).toEqual(["gone"]);
});

test("those that nobody looks at are found, on every shard", async () => {
  const ids = Array.from({ length: 12 }, (_, n) => `held-${String(n).padStart(2, "0")}`);
  for (const id of ids) {
    await coordinator.registry.register(id, {});
    await coordinator.verbs.hold(id, { holdMs: 600_000, actor: "ann" });
  }
  await coordinator.trigger("held-01", { source: "manual", onHold: "override" });
  expect(await found()).toEqual([]);
  for (const id of ids.slice(0, 6)) await evict(id);
  expect([...new Set(await found())]).toEqual(ids.slice(0, 6));
});
