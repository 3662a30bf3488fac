import { expect, test } from "vitest";
import { Transitions } from "../src/transitions/transitions.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS } from "./support/workspace.ts";

const own = useRedis();
const transitions = new Transitions(own.redis, own.keys, { leaseMs: LEASE_MS, activityTtlMs: ACTIVITY_TTL_MS });
const KEPT_MS = 600_000;
const note = (rules: string, ms: number) => transitions.noteZoneRules({ rules, keptMs: KEPT_MS, now: at(ms) });

test("every process learns which rules the others have, and forgets those nobody has any more", async () => {
  expect(await note("2025c", 0)).toEqual(["2025c"]);
  expect(await note("2025c", 1_000)).toEqual(["2025c"]);
  expect(await note("2026c", 2_000)).toEqual(["2025c", "2026c"]);
  expect(await note("2026c", KEPT_MS + 999)).toEqual(["2025c", "2026c"]);
  expect(await note("2026c", KEPT_MS + 1_000)).toEqual(["2026c"]);
  expect(await own.redis.pttl(own.keys.zoneRules)).toBeGreaterThan(KEPT_MS / 2);
});
