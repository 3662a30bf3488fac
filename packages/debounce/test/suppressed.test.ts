/** What the log and the activity tell of triggers that started nothing: from Redis, whichever replica was asked. */

import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { at, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

describe("a receipt", () => {
  test("says how long ago the window was claimed, and how many it has held back since, over all replicas", async () => {
    const { redis, prefix } = own;
    const replicas = [1, 2].map(
      () => new RestartCoordinator(new Installation({ redis, prefix, policy: POLICIES.seed })),
    );
    const [one, two] = replicas as [RestartCoordinator, RestartCoordinator];
    await one.registry.register("burst", {});
    const write = (i: number) => (i % 2 === 0 ? one : two).trigger("burst", { source: "file-write" });
    expect((await write(0)).window).toBeUndefined();
    for (let i = 1; i < 10; i += 1) {
      const { decision, window } = await write(i);
      expect({ decision, ...window }).toMatchObject({ decision: "dropped", windowMs: 15_000, suppressed: i });
      expect(window?.lastFireAgoMs).toBeGreaterThanOrEqual(0);
    }
  });

  test("of triggers that went together counts each", async () => {
    const { redis, prefix } = own;
    const coordinator = new RestartCoordinator(new Installation({ redis, prefix }));
    await coordinator.registry.register("herd", {});
    const receipts = await Promise.all(
      Array.from({ length: 20 }, () => coordinator.trigger("herd", { source: "file-write" })),
    );
    expect(receipts.map(({ window }) => window?.suppressed)).toEqual([
      undefined,
      ...Array.from({ length: 19 }, (_, i) => i + 1),
    ]);
  });

  test("counts anew in a new window", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    expect((await one.at(3_000).trigger("file-write")).window).toEqual({
      claimedAt: at(0),
      windowMs: 15_000,
      suppressed: 1,
      claimed: false,
    });
    expect((await one.at(15_000).trigger("file-write")).window).toMatchObject({ claimedAt: at(15_000), claimed: true });
    expect((await one.at(16_000).trigger("file-write")).window).toMatchObject({ suppressed: 2 });
  });

  test("of a source without a window says nothing of one", async () => {
    const one = await workspace();
    expect((await one.at(0).trigger("manual")).window).toBeUndefined();
  });
});

describe("what was dropped is counted", () => {
  const dropped = async (one: Awaited<ReturnType<typeof workspace>>, event: string) =>
    (await one.events()).filter((told) => told.event === event).map(({ payload }) => payload.dropped);

  test("by the cycle's end what came while it ran, by the next begin what came after it", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    for (const ms of [1_000, 2_000, 4_000]) await one.at(ms).trigger("a2a-preflight");
    await one.at(5_000).trigger("liveness-offline");
    await one.at(10_000).end();
    await one.at(11_000).trigger("a2a-preflight");
    await one.at(12_000).trigger("manual");
    await one.begun();
    expect(await dropped(one, "WORKSPACE_ONLINE")).toEqual([
      [
        { source: "a2a-preflight", rule: "running", count: 3, firstAt: at(1_000), lastAt: at(4_000) },
        { source: "liveness-offline", rule: "running", count: 1, firstAt: at(5_000), lastAt: at(5_000) },
      ],
    ]);
    expect(await dropped(one, "WORKSPACE_AUTO_RESTART_FIRED")).toEqual([
      undefined,
      [{ source: "a2a-preflight", rule: "cooldown", count: 1, firstAt: at(11_000), lastAt: at(11_000) }],
    ]);
    await one.at(20_000).end();
    expect(Object.keys((await one.view()).state).filter((field) => field.startsWith("drops:"))).toEqual([]);
  });
});
