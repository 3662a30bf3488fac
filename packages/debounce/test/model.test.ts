import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ownPrefix, redisUrl } from "../../../tests/setup/shared-redis.ts";
import { createKeySpace } from "../src/keys.ts";
import { POLICIES, type Policy } from "../src/policy.ts";
import { Transitions } from "../src/transitions.ts";
import { LEASE_MS, WorkspaceModel } from "./support/model.ts";
import { commands, type Real } from "./support/model-commands.ts";

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

/** The profiles, and a small budget with loops that are soon found, so that both come up. */
const POLICIES_TRIED: Readonly<Record<string, Policy>> = {
  ...POLICIES,
  "default with a budget": {
    ...POLICIES.default,
    budget: { cycles: 4, downtimeMs: 120_000 },
    loop: { cycles: 2, withinMs: 90_000 },
  },
  "default with quiet hours": {
    ...POLICIES.default,
    quietHours: {
      intervals: Array.from({ length: 500 }, (_, n) => [n * 180_000 + 60_000, n * 180_000 + 130_000] as const),
      except: ["secret-change", "liveness-offline"],
    },
  },
};

describe.each(Object.entries(POLICIES_TRIED))("under the profile %s", (_, policy) => {
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
