import { describe, expect, test } from "vitest";
import { UnsettledWrites } from "../src/workspace/unsettled-writes.ts";
import { useRedis } from "./support/redis.ts";
import { type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);
const writesOf = ({ transitions }: TestWorkspace) => new UnsettledWrites(transitions);
const SHARED = { exclusive: false, past: [] } as const;
const ALONE = { exclusive: true, past: [] } as const;
const ageMs = expect.any(Number) as number;

describe("a write whose trigger is not recorded", () => {
  test("is seen by whoever looks at its path, until it is settled", async () => {
    const one = await workspace();
    const writes = writesOf(one);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    await writes.announce(one.id, [{ path: "b/c", write: "w2" }], SHARED);
    expect(await writes.at(one.id, ["a", "none"])).toEqual([{ path: "a", write: "w1", ageMs }]);
    expect(await writes.at(one.id, ["b/c"])).toEqual([{ path: "b/c", write: "w2", ageMs }]);
    await writes.settle(one.id, [{ path: "a", write: "w1" }]);
    expect(await writes.at(one.id, ["a"])).toEqual([]);
  });

  test("is one of several at a path, each settled by itself", async () => {
    const one = await workspace();
    const writes = writesOf(one);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    const second = await writes.announce(one.id, [{ path: "a", write: "w2" }], SHARED);
    expect(second).toEqual({ kind: "noted", others: [{ path: "a", write: "w1", ageMs }] });
    await writes.settle(one.id, [{ path: "a", write: "w1" }]);
    expect(await writes.at(one.id, ["a"])).toEqual([{ path: "a", write: "w2", ageMs }]);
  });

  test("that must be alone is noted only where no other is, and keeps others away", async () => {
    const one = await workspace();
    const writes = writesOf(one);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    const inTheWay = { kind: "busy", others: [{ path: "a", write: "w1", ageMs }] };
    expect(await writes.announce(one.id, [{ path: "a", write: "w2" }], ALONE)).toEqual(inTheWay);
    expect((await writes.announce(one.id, [{ path: "a", write: "w2" }], { ...ALONE, past: ["w1"] })).kind).toBe(
      "noted",
    );
    const third = await writes.announce(one.id, [{ path: "a", write: "w3" }], SHARED);
    expect(third).toEqual({ kind: "busy", others: [{ path: "a", write: "w2", ageMs }] });
    expect((await writes.announce(one.id, [{ path: "b", write: "w3" }], ALONE)).kind).toBe("noted");
  });

  test("leaves no key behind: not once all are settled, nor with its workspace, nor of one that nobody registered", async () => {
    const one = await workspace();
    const writes = writesOf(one);
    const key = own.keys.forWorkspace("unsettled", one.id);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    expect(await own.redis.pttl(key)).toBeGreaterThan(23 * 60 * 60 * 1_000);
    await writes.settle(one.id, [{ path: "a", write: "w1" }]);
    expect(await own.redis.exists(key)).toBe(0);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    await one.transitions.forget({ id: one.id, actor: "tester" });
    expect(await own.redis.exists(key)).toBe(0);
    await writes.announce(one.id, [{ path: "a", write: "w1" }], SHARED);
    expect(await own.redis.exists(key)).toBe(0);
  });
});
