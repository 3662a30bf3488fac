import { Installation } from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { ownPrefix, redisUrl } from "../../../tests/setup/shared-redis.ts";
import { createFleetKeys, type Permit, Turns } from "../src/index.ts";

const redis = new Redis(redisUrl());
const permits: Permit[] = [];
const prefixes: string[] = [];
let prefix = "";
let now = 0;

beforeEach(() => {
  prefix = ownPrefix();
  prefixes.push(prefix);
  now = 1_000_000;
});
afterAll(async () => {
  for (const permit of permits) permit.abandon();
  for (const own of prefixes) {
    const keys = createFleetKeys(own);
    await redis.del(keys.of("permits"), keys.of("waiting"), keys.of("turns"));
  }
  await redis.quit();
});

const LEASE_MS = 60_000;
const turnsOf = (maxRunning: number) =>
  new Turns(new Installation({ redis, prefix, leaseMs: LEASE_MS }), { maxRunning });

async function enter(turns: Turns, tenant: string, ...ids: string[]): Promise<void> {
  for (const workspaceId of ids) await turns.enter({ workspaceId, tenant });
}

async function take(turns: Turns): Promise<{ id: string; permit: Permit } | "full" | "none"> {
  const taken = await turns.take({ now });
  if (taken.kind !== "granted") return taken.kind;
  permits.push(taken.permit);
  return { id: taken.workspaceId, permit: taken.permit };
}

/** Takes and gives back until nobody waits: the order in which they come. */
async function order(turns: Turns): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const taken = await take(turns);
    if (typeof taken === "string") return ids;
    ids.push(taken.id);
    await taken.permit.giveBack();
  }
}

describe("the cap", () => {
  test("is not kept reached by a permit that a dead worker took before the clock was set back", async () => {
    const turns = turnsOf(1);
    await enter(turns, "t", "a", "b");
    await take(turns);
    now -= 600_000;
    expect(await take(turns)).toBe("full");
    now += turns.permitMs;
    expect(await take(turns)).toMatchObject({ id: "b" });
  });

  test("gives no more permits than may run, and the next one when one is given back", async () => {
    const turns = turnsOf(2);
    await enter(turns, "t", "a", "b", "c");
    const first = await take(turns);
    await take(turns);
    expect(await turns.take({ now })).toEqual({ kind: "full", running: 2, waiting: 1 });
    if (typeof first !== "string") await first.permit.giveBack();
    expect(await take(turns)).toMatchObject({ id: "c" });
    expect(await take(turns)).toBe("none");
  });

  test("counts the permit of a dead worker until it has run out, by Redis' clock", async () => {
    const turns = turnsOf(1);
    await enter(turns, "t", "a", "b");
    const taken = await take(turns);
    if (typeof taken !== "string") taken.permit.abandon();
    now += turns.permitMs - 1;
    expect(await take(turns)).toBe("full");
    now += 1;
    expect(await take(turns)).toMatchObject({ id: "b" });
  });

  test("counts a permit as long as its worker renews it", async () => {
    const [cap, waiting] = [new Turns(new Installation({ redis, prefix, leaseMs: 30 }), { maxRunning: 1 }), "b"];
    await cap.enter({ workspaceId: "a", tenant: "t" });
    await cap.enter({ workspaceId: waiting, tenant: "t" });
    const taken = await cap.take();
    if (taken.kind !== "granted") throw new Error(taken.kind);
    // Well past what the permit lasts by itself: renewals are what Redis is asked for, not a time that passes here.
    const seen = new Set<string>();
    while (seen.size < 10) {
      const expiresAt = await redis.zscore(createFleetKeys(prefix).of("permits"), await onlyPermit());
      expect(expiresAt).not.toBeNull();
      seen.add(String(expiresAt));
    }
    await taken.permit.giveBack();
    expect(await redis.zcard(createFleetKeys(prefix).of("permits"))).toBe(0);
  });

  test("is one for all workers", async () => {
    const workers = [turnsOf(3), turnsOf(3)] as const;
    await enter(workers[0], "t", "a", "b", "c", "d", "e");
    const taken = await Promise.all([0, 1, 0, 1, 0, 1].map((n) => take(workers[n as 0 | 1])));
    expect(taken.filter((one) => one === "full")).toHaveLength(3);
  });
});

describe("turns", () => {
  test("come in the order of arrival within a tenant", async () => {
    const turns = turnsOf(1);
    await enter(turns, "t", "z", "m", "a");
    expect(await order(turns)).toEqual(["z", "m", "a"]);
  });

  test("go round by tenant: a thousand workspaces of one do not keep another's one waiting", async () => {
    const turns = turnsOf(1);
    await enter(turns, "noisy", ...Array.from({ length: 1_000 }, (_, n) => `n${n}`));
    const next = async () => {
      const taken = await take(turns);
      if (typeof taken === "string") return taken;
      await taken.permit.giveBack();
      return taken.id;
    };
    await next();
    await enter(turns, "quiet", "q");
    expect([await next(), await next()]).toContain("q");
  });

  test("alternate while several tenants wait", async () => {
    const turns = turnsOf(1);
    await enter(turns, "a", "a1", "a2", "a3");
    await enter(turns, "b", "b1", "b2");
    await enter(turns, "c", "c1");
    expect(await order(turns)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  test("a tenant that was served alone for long has no arrears when another comes", async () => {
    const turns = turnsOf(1);
    await enter(turns, "a", "a1", "a2", "a3", "a4");
    for (let n = 0; n < 3; n += 1) {
      const taken = await take(turns);
      if (typeof taken !== "string") await taken.permit.giveBack();
    }
    await enter(turns, "b", "b1", "b2", "b3");
    await enter(turns, "a", "a5");
    expect(await order(turns)).toEqual(["a4", "b1", "a5", "b2", "b3"]);
  });

  test("who waits already keeps the place", async () => {
    const turns = turnsOf(1);
    await enter(turns, "t", "a", "b");
    expect(await turns.isWaiting("a")).toBe(true);
    expect(await turns.enter({ workspaceId: "a", tenant: "t" })).toBe("waiting");
    expect(await order(turns)).toEqual(["a", "b"]);
    expect(await turns.isWaiting("a")).toBe(false);
  });

  test("leave nothing behind when nobody waits and nothing runs", async () => {
    const turns = turnsOf(1);
    await enter(turns, "a", "a1");
    await enter(turns, "b", "b1");
    await order(turns);
    expect(await redis.keys(`{${prefix}:*`)).toEqual([]);
  });
});

async function onlyPermit(): Promise<string> {
  const [permit] = await redis.zrange(createFleetKeys(prefix).of("permits"), "0", "0");
  return permit ?? "none";
}
