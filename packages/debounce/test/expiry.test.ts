import { describe, expect, test } from "vitest";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { ACTIVITY_TTL_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

/** What Redis keeps of a workspace: ms until it goes, or undefined for good. By the role's name. */
async function kept({ id }: TestWorkspace): Promise<Record<string, number | undefined>> {
  const keys = (await own.allKeys()).filter((key) => key.endsWith(`:${id}`));
  const roleOf = (key: string) => key.slice(key.indexOf("}:") + 2, -id.length - 1);
  const ttls = await Promise.all(keys.map(async (key) => [roleOf(key), await own.redis.pttl(key)] as const));
  return Object.fromEntries(ttls.map(([role, ttl]) => [role, ttl === -1 ? undefined : ttl]));
}

const forGood = (ttls: Record<string, number | undefined>) =>
  Object.keys(ttls).filter((role) => ttls[role] === undefined);

describe("an idle workspace keeps nothing for good but its registry entry", () => {
  const lives: Record<string, (one: TestWorkspace) => Promise<unknown>> = {
    "after a good cycle": async (one) => {
      await one.trigger("file-write", { idempotencyKey: "k", idempotencyBody: "b" });
      await one.begun();
      await one.journal("{}");
      await one.end();
    },
    "after a retry that worked": async (one) => {
      await one.trigger("file-write");
      await one.begun();
      await one.journal("{}");
      await one.end("failed");
      await one.at(5_000).cycle("ok");
    },
    "after a cancel of what waited": async (one) => {
      await one.trigger("secret-change");
      await one.cancel();
    },
    "after a cancel of what ran": async (one) => {
      await one.trigger("file-write");
      await one.begun();
      await one.journal("{}");
      await one.cancel();
      await one.end("canceled");
    },
    "after a cancel of a retry": async (one) => {
      await one.trigger("file-write");
      await one.begun();
      await one.journal("{}");
      await one.end("failed");
      await one.cancel();
    },
    "after a hold that was released": async (one) => {
      await one.hold(60_000);
      await one.release();
    },
    "under a hold, with nothing owed": (one) => one.hold(60_000),
    "after nothing but drops": async (one) => {
      await one.trigger("manual");
      await one.cycle();
      await one.trigger("a2a-preflight");
      await one.trigger("startup");
    },
    "after nothing but refusals": async (one) => {
      await one.register({ runtime: "external" });
      await one.trigger("file-write", { write: true });
    },
    "once paused": async (one) => {
      await one.desire("paused");
      await one.cycle();
    },
    "once resumed": async (one) => {
      await one.desire("paused");
      await one.cycle();
      await one.desire("running");
      await one.cycle();
    },
  };

  test.each(Object.entries(lives))("%s", async (_, live) => {
    const one = await workspace();
    await live(one.at(0));
    const ttls = await kept(one);
    expect(forGood(ttls)).toEqual(["registry"]);
    expect(await one.wakeAt()).toBeUndefined();
    for (const role of ["state", "activity", "last-cycle"]) {
      if (role in ttls) expect(ttls[role], role).toBeGreaterThan(ACTIVITY_TTL_MS / 2);
    }
  });

  test("and that is worth less than two kilobytes", async () => {
    const one = await workspace();
    await one.trigger("file-write", { reasons: ["saved"], actors: ["ann"] });
    await one.cycle();
    const keys = (await own.allKeys()).filter((key) => key.endsWith(`:${one.id}`) && !key.includes(":activity:"));
    const sizes = await Promise.all(keys.map((key) => own.redis.memory("USAGE", key)));
    expect(sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)).toBeLessThan(2_048);
  });
});

describe("a workspace somebody waits for keeps its state", () => {
  const waiting = [
    "a write fired and not begun",
    "a secret waits for quiet",
    "running",
    "running, with more owed",
    "a failed cycle waits for its retry",
    "a declined cycle waits for the backoff",
    "the breaker is open",
    "held, with more owed",
    "resumed and not begun",
  ];

  test.each(waiting)("%s", async (situation) => {
    const one = await workspace();
    await SITUATIONS[situation]?.(one);
    expect(await one.ttl("state")).toBeUndefined();
    const { why, covers } = await one.view();
    if (Object.keys(why).length > 0) expect(await one.ttl("why")).toBeUndefined();
    if (covers !== undefined) expect(await one.ttl("covers")).toBeUndefined();
  });

  test("paused, with more owed", async () => {
    const one = await workspace();
    await one.trigger("secret-change");
    await one.desire("paused");
    await one.cycle();
    expect(await one.ttl("state")).toBeUndefined();
    expect(await one.ttl("why")).toBeUndefined();
  });

  test("and is allowed to forget it again when that is done", async () => {
    const one = await workspace();
    await one.trigger("file-write");
    expect(await one.ttl("state")).toBeUndefined();
    await one.cycle();
    expect(await one.ttl("state")).toBeGreaterThan(0);
  });
});

test("windows and started-at go by themselves, by Redis' own clock", async () => {
  const one = await workspace();
  await one.trigger("file-write");
  await one.begun();
  const windowTtl = await own.redis.pttl(own.keys.window("file-write", one.id));
  expect(windowTtl).toBeGreaterThan(0);
  expect(windowTtl).toBeLessThanOrEqual(15_000);
  expect(await one.ttl("startedAt")).toBeGreaterThan(0);
  expect(await one.ttl("startedAt")).toBeLessThanOrEqual(60_000);
});

test("a state that expired is as one that never was: the next trigger fires", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.cycle();
  for (const role of ["state", "lastCycle", "activity", "startedAt"] as const) {
    await own.redis.del(own.keys.forWorkspace(role, one.id));
  }
  expect(await one.at(100_000).trigger("file-write")).toMatchObject({ decision: "fired" });
  expect(await one.begun()).toMatchObject({ how: "new", covers: [{ count: 1 }] });
});
