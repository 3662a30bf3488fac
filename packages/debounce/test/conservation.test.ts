import { describe, test } from "vitest";
import { POLICIES, PROFILES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { randomFrom, Walk } from "./support/walk.ts";
import { useWorkspaces } from "./support/workspace.ts";

/** More of them by `WALKS=2000 pnpm vitest conservation`; `WALK_SEED` repeats one. */
const WALKS = Number(process.env.WALKS ?? 10);
const FIRST = Number(process.env.WALK_SEED ?? 1);

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

describe.each(PROFILES)("under the profile %s", (profile) => {
  test("whatever happens, every accepted trigger is covered by a later good cycle, canceled, or visibly owed", async () => {
    for (let seed = FIRST; seed < FIRST + WALKS; seed += 1) {
      const one = await workspace(`${profile}-${seed}`, POLICIES[profile]);
      await new Walk(one, randomFrom(seed)).run(60);
    }
  }, 300_000);
});
