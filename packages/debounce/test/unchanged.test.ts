import { describe, expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";
import { useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });
const UNCHANGED = { unchanged: true, write: true } as const;
const names = (events: readonly { readonly event: string }[]) => events.map(({ event }) => event);

describe("a write of the bytes that are there already", () => {
  test("is dropped, claims no window and raises no generation: the next change is as if it had not been", async () => {
    const one = await workspace();
    const dropped = await one.trigger("file-write", UNCHANGED);
    expect(dropped).toMatchObject({ decision: "dropped", rule: "unchanged", generation: 0, hintId: undefined });
    expect(dropped.window).toBeUndefined();
    expect(await one.at(1).trigger("file-write")).toMatchObject({ decision: "fired", rule: "window" });
  });

  test("changes nothing about what is owed, nor about when", async () => {
    const one = await workspace();
    await one.trigger("file-write");
    const owed = await one.at(1_000).trigger("file-write");
    const before = (await one.state()).restart;
    expect(await one.at(2_000).trigger("file-write", UNCHANGED)).toMatchObject({ rule: "unchanged" });
    const { why, dueAt, generation } = (await one.state()).restart;
    expect({ why, dueAt, generation }).toEqual({ why: before.why, dueAt: before.dueAt, generation: owed.generation });
  });

  test("is no write in the midst of a cycle", async () => {
    const one = await workspace();
    await one.trigger("file-write");
    await one.begun();
    expect(await one.at(10).trigger("file-write", UNCHANGED)).toMatchObject({ rule: "unchanged", running: true });
    await one.at(20).end();
    expect(names(await one.events())).not.toContain("WORKSPACE_RESTARTING_MID_WRITE");
    expect((await one.state()).restart.phase).toBe("idle");
  });

  test("is refused, not dropped, where the workspace may not be restarted", async () => {
    const one = await workspace();
    await one.desire("paused");
    expect(await one.trigger("file-write", UNCHANGED)).toMatchObject({ decision: "refused", rule: "paused" });
  });

  test("is judged so whatever the policy", async () => {
    for (const policy of Object.values(POLICIES)) {
      const one = await workspace(undefined, policy);
      await one.trigger("file-write");
      expect(await one.at(1).trigger("file-write", UNCHANGED)).toMatchObject({
        decision: "dropped",
        rule: "unchanged",
      });
    }
  });

  test("is told once in a while, beside what the window drops, and counted for the next cycle", async () => {
    const one = await workspace(undefined, POLICIES.seed);
    await one.trigger("file-write");
    for (const ms of [1_000, 2_000, 3_000]) await one.at(ms).trigger("file-write", UNCHANGED);
    const { window } = await one.at(4_000).trigger("file-write");
    expect(window?.suppressed, "only what the window held back").toBe(1);
    const told = (await one.events()).filter(({ event }) => event === "WORKSPACE_RESTART_DROPPED");
    expect(told.map(({ payload }) => payload.rule)).toEqual(["unchanged", "window"]);
    await one.at(18_000).trigger("file-write", UNCHANGED);
    const later = (await one.events()).filter(({ event }) => event === "WORKSPACE_RESTART_DROPPED");
    expect(later).toHaveLength(3);
    await one.begun();
    const began = (await one.events()).find(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED");
    expect(began?.payload.dropped).toContainEqual(expect.objectContaining({ rule: "unchanged", count: 4 }));
  });

  test("goes apart from those that came at the same time and changed something", async () => {
    const one = await workspace();
    const [changed, unchanged] = await Promise.all([
      one.trigger("file-write", { count: 2 }),
      one.trigger("file-write", { count: 3, ...UNCHANGED }),
    ]);
    expect(changed.decision).toBe("fired");
    expect(unchanged).toMatchObject({ rule: "unchanged", rest: { decision: "dropped", rule: "unchanged" } });
    expect((await one.state()).restart.why).toMatchObject([{ source: "file-write", count: 2 }]);
  });
});
