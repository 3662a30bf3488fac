import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ownPrefix, redisUrl } from "../../../tests/setup/shared-redis.ts";
import { createKeySpace } from "../src/keys.ts";
import { POLICIES, type Policy, PROFILES } from "../src/policy/policy.ts";
import { Transitions } from "../src/transitions/transitions.ts";
import { LEASE_MS, WorkspaceModel } from "./support/model.ts";
import { automaticCommands, commands, type Real } from "./support/model-commands.ts";

/** More of them by `MODEL_RUNS=20000 pnpm vitest model`; `MODEL_SEED` repeats a run. */
const RUNS = Number(process.env.MODEL_RUNS ?? 150);
const SEED = process.env.MODEL_SEED === undefined ? undefined : Number(process.env.MODEL_SEED);
const EPOCH = 1_000_000_000_000;

const redis = new Redis(redisUrl());
const prefix = ownPrefix();
const keys = createKeySpace(prefix, 1);
let transitions: Transitions;

beforeAll(() => {
  transitions = new Transitions(redis, keys, { leaseMs: LEASE_MS, activityTtlMs: 600_000 });
});
afterAll(async () => {
  await redis.del(keys.forShard("events", 0));
  await redis.quit();
});

let workspaces = 0;

async function freshWorkspace(): Promise<Real> {
  workspaces += 1;
  const id = `w${workspaces}`;
  await transitions.register({ id, fields: {}, now: EPOCH });
  return {
    transitions,
    id,
    epoch: EPOCH,
    fencingToken: 0,
    async wakeAt() {
      const score = await redis.zscore(keys.forShard("due", 0), id);
      return score === null ? undefined : Number(score) - EPOCH;
    },
  };
}

const AUTOMATIC: Policy = {
  ...POLICIES.default,
  cooldownMs: 1_000,
  retry: { ...POLICIES.default.retry, breakerAfter: 2 },
};
const QUIET_HOURS = {
  intervals: Array.from({ length: 500 }, (_, n) => [n * 180_000 + 60_000, n * 180_000 + 130_000] as const),
  except: ["secret-change", "liveness-offline"],
};
/** The profiles under all that may happen, and under what mostly happens by itself: loops, and budgets that are soon spent. */
const TRIED: readonly (readonly [string, Policy, typeof commands])[] = [
  ...PROFILES.map((profile) => [profile, POLICIES[profile], commands] as const),
  ["default, quiet hours", { ...POLICIES.default, quietHours: QUIET_HOURS }, commands],
  ["default, loops", { ...AUTOMATIC, loop: { cycles: 2, withinMs: 60_000 } }, automaticCommands],
  ["default, restarts a day", { ...AUTOMATIC, budget: { cycles: 3, downtimeMs: 0 } }, automaticCommands],
  ["default, downtime a day", { ...AUTOMATIC, budget: { cycles: 0, downtimeMs: 120_000 } }, automaticCommands],
];

describe.each(TRIED)("under the profile %s", (_, policy, commands) => {
  test("the scripts and the pure model agree on every decision, due time and wake-up", async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: "max" }), async (sequence) => {
        const real = await freshWorkspace();
        try {
          const setup = () => ({ model: new WorkspaceModel(policy), real });
          await fc.asyncModelRun(setup, sequence);
        } finally {
          await transitions.forget({ id: real.id, actor: "tester" });
          await redis.del(...Object.keys(policy.sources).map((source) => keys.window(source, real.id)));
        }
      }),
      { numRuns: RUNS, ...(SEED !== undefined && { seed: SEED }) },
    );
  }, 600_000);
});
