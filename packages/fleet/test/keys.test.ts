import { expect, test } from "vitest";
import { createFleetKeys } from "../src/index.ts";

test("all keys of the fleet are in one slot: they have one hash tag, which no shard has", () => {
  const keys = createFleetKeys("rc");
  const shared = (["permits", "waiting", "turns", "rollouts", "active", "events"] as const).map((role) =>
    keys.of(role),
  );
  const own = (["rollout", "order", "members", "running"] as const).map((role) => keys.ofRollout(role, "r-1"));
  const all = [...shared, ...own, keys.ofRollout("rollout", "r-2")];
  expect(new Set(all).size).toBe(all.length);
  for (const key of all) expect(key).toMatch(/^\{rc:fleet\}:[a-z-]+(:r-\d)?$/);
});
