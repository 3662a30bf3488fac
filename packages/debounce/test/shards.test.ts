import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { createKeySpace, type KeyRole } from "../src/keys.ts";
import { useRedis } from "./support/redis.ts";
import { at, useWorkspaces } from "./support/workspace.ts";

const SHARDS = 5;
const own = useRedis({ shards: SHARDS });
const workspace = useWorkspaces(own);
const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix, shards: SHARDS }));

const ROLES: Exclude<KeyRole, "window">[] = [
  "workspace",
  "state",
  "startedAt",
  "why",
  "covers",
  "journal",
  "lastCycle",
  "activity",
  "idempotency",
  "idempotencyOrder",
  "children",
  "due",
  "hinted",
  "phases",
  "events",
  "recent",
  "workspaces",
];
const tagIn = (key: string) => /^\{[^{}]+\}/.exec(key)?.[0];

describe("the keys of one workspace", () => {
  test("lie in one slot, that of its shard", () => {
    for (const id of ["a", "my.workspace", "-_-", "x".repeat(128)]) {
      const tag = own.keys.tagOf(own.keys.shardOf(id));
      const keys = [...ROLES.map((role) => own.keys.forWorkspace(role, id)), own.keys.window("file-write", id)];
      expect(new Set(keys.map(tagIn)), id).toEqual(new Set([tag]));
      expect(new Set(keys).size, "and each is another one").toBe(keys.length);
    }
  });

  test("are no other workspace's, whatever the ids", () => {
    const keys = createKeySpace("rc", 1);
    const ids = ["a", "a.b", "b", "window", "due", "file-write", "state"];
    const shared = new Set(["due", "hinted", "phases", "events", "recent", "workspaces"]);
    const all = ids.flatMap((id) => [
      ...ROLES.filter((role) => !shared.has(role)).map((role) => keys.forWorkspace(role, id)),
      ...["file-write", "manual"].map((source) => keys.window(source, id)),
    ]);
    expect(new Set(all).size).toBe(all.length);
    for (const role of shared) expect(all).not.toContain(keys.forShard(role as "due", 0));
  });

  test("are named so that they can be found by hand", () => {
    const keys = createKeySpace("rc", 1);
    expect(keys.window("file-write", "ws")).toBe("{rc:0}:window:file-write:ws");
    expect(keys.forWorkspace("startedAt", "ws")).toBe("{rc:0}:started-at:ws");
    expect(keys.forShard("due", 0)).toBe("{rc:0}:due");
  });

  test("of a life are all in the one slot in Redis, too", async () => {
    const one = await workspace("lived");
    await one.at(0).trigger("file-write", { nonce: "n", idempotencyKey: "k", idempotencyBody: "b" });
    await one.begun();
    await one.journal("{}");
    await one.trigger("manual");
    await one.end();
    const tags = new Set((await own.allKeys()).map(tagIn));
    expect(tags).toEqual(new Set([own.keys.tagOf(own.keys.shardOf("lived"))]));
    await one.forget();
  });
});

describe("workspaces", () => {
  const ids = Array.from({ length: 200 }, (_, i) => `ws-${i}`);

  test("are spread over all shards, evenly enough", () => {
    const perShard = Array(SHARDS).fill(0);
    for (const id of ids) perShard[own.keys.shardOf(id)] += 1;
    for (const count of perShard) expect(count).toBeGreaterThan(200 / SHARDS / 2);
  });

  test("are on the same shard in every process and version", () => {
    expect(["a", "b", "workspace", "3fe84b89-eb65-42fc-ad1f-5c93582ca3e7"].map(own.keys.shardOf)).toEqual([0, 2, 1, 4]);
    expect(createKeySpace("other", SHARDS).shardOf("a")).toBe(own.keys.shardOf("a"));
    expect(createKeySpace("rc", 1).shardOf("anything")).toBe(0);
  });

  test("a shard that is none is an error", () => {
    expect(() => own.keys.tagOf(SHARDS)).toThrow(RangeError);
    expect(() => own.keys.forShard("due", -1)).toThrow(RangeError);
  });

  test("are owed on their own shard: its sweep finds them, and no other's", async () => {
    const [one, other] = [await workspace("ws-0"), await workspace("ws-1")];
    expect(own.keys.shardOf(one.id)).not.toBe(own.keys.shardOf(other.id));
    await one.trigger("manual");
    await other.trigger("manual");
    for (const each of [one, other]) {
      const shard = own.keys.shardOf(each.id);
      const call = { shard, offset: 0, count: 10, rehintMs: 1_000, now: at(0) };
      expect((await each.transitions.sweep(call)).due.map(({ id }) => id)).toEqual([each.id]);
      await each.forget();
    }
  });
});

describe("the list", () => {
  test("pages through all shards in the order of the ids", async () => {
    const ids = ["B", "a", "a.1", "a-1", "b", "Z", "0", "_", "-", ...Array.from({ length: 30 }, (_, i) => `ws-${i}`)];
    await Promise.all(ids.map((id) => coordinator.registry.register(id, {})));
    const inOrder = [...ids].sort();
    for (const limit of [1, 2, 7, 39, 100]) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await coordinator.registry.list({ cursor, limit });
        expect(page.workspaces.length).toBeLessThanOrEqual(limit);
        found.push(...page.workspaces.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(found, `by ${limit}`).toEqual(inOrder);
    }
  });

  test("goes on after a cursor that was removed, and ends after the last", async () => {
    const list = (cursor: string) => coordinator.registry.list({ cursor, limit: 2 });
    await coordinator.registry.forget("a", { actor: "ann" });
    expect((await list("a")).workspaces.map(({ id }) => id)).toEqual(["a-1", "a.1"]);
    expect(await list("zzz")).toEqual({ workspaces: [], nextCursor: undefined });
  });
});
