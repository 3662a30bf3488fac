import { describe, expect, test } from "vitest";
import { BUILT_IN_SOURCES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);

/**
 * What Redis has of a workspace, byte for byte. Of windows, the names: in a virtual time that is long past they end by
 * themselves while the test runs.
 */
async function everythingOf({ id }: TestWorkspace) {
  const keys = (await own.allKeys()).filter((key) => key.endsWith(`:${id}`) || /(due|phases|events)$/.test(key));
  const isWindow = (key: string) => key.includes(":window:");
  const kept = keys.filter((key) => !isWindow(key));
  const dumps = await Promise.all(kept.map(async (key) => [key, (await own.redis.dumpBuffer(key))?.toString("hex")]));
  return { windows: keys.filter(isWindow), rest: Object.fromEntries(dumps) as Record<string, string> };
}

const foresee = (one: TestWorkspace, source: string, unchanged = false) =>
  one.transitions.foresee(one.call(source, { unchanged }));

describe.each(Object.entries(SITUATIONS))("asked what a trigger would do: %s", (_, reach) => {
  test("the answer is what the trigger is then told, and nothing has changed by asking", async () => {
    const one = await workspace();
    await reach(one);
    const before = await everythingOf(one);
    const foreseen = await Promise.all(BUILT_IN_SOURCES.map((source) => foresee(one, source)));
    const noNews = await foresee(one, "file-write", true);
    const after = await everythingOf(one);
    expect(after.rest).toEqual(before.rest);
    expect(before.windows).toEqual(expect.arrayContaining(after.windows));
    expect(["unchanged", "paused"]).toContain(noNews.rule);

    // Each in a workspace of its own: what one asks for is no part of what the next is told.
    for (const [i, source] of BUILT_IN_SOURCES.entries()) {
      const other = await workspace();
      await reach(other);
      const { decision, rule, dueAt, running } = await other.trigger(source);
      expect(foreseen[i], source).toEqual({ decision, rule, dueAt, duringCycle: running });
    }
  });
});
