/** Redis' clock is set back, or a failover leads to a node whose clock is behind: nothing waits longer than before. */
import { describe, expect, test } from "vitest";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import type { ClockSeen } from "../src/transitions/observer.ts";
import { Transitions } from "../src/transitions/transitions.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 2 });
const HOUR = 3_600_000;
const MINUTE = 60_000;
const RETRY = { ...POLICIES.default, retry: { backoffMs: 50_000, maxBackoffMs: 50_000, breakerAfter: 5 } };

/** Each leaves a workspace in which something ends `waits` after 10 s, by a rule of its own. */
const WAITS: Record<string, { waits: number; wait: () => Promise<TestWorkspace> }> = {
  "a cooldown": {
    waits: MINUTE,
    wait: async () => {
      const one = await workspace();
      await one.at(10_000).trigger("manual");
      await one.cycle();
      await one.trigger("file-write");
      return one;
    },
  },
  "an end of quiet": {
    waits: 2_000,
    wait: async () => {
      const one = await workspace();
      await one.at(10_000).trigger("secret-change");
      return one;
    },
  },
  "a deadline": {
    waits: 1_000,
    wait: async () => {
      const one = await workspace();
      for (let ms = -4_000; ms <= 10_000; ms += 1_000) await one.at(ms).trigger("secret-change");
      return one;
    },
  },
  "a backoff": {
    waits: 50_000,
    wait: async () => {
      const one = await workspace(undefined, RETRY);
      await one.at(10_000).trigger("manual");
      await one.cycle("failed");
      return one;
    },
  },
  "a hold": {
    waits: 5 * MINUTE,
    wait: async () => {
      const one = await workspace();
      await one.at(10_000).hold(5 * MINUTE);
      await one.trigger("file-write");
      return one;
    },
  },
  "a stop's backoff": {
    waits: 50_000,
    wait: async () => {
      const one = await workspace(undefined, RETRY);
      await one.at(10_000).desire("paused");
      await one.cycle("failed");
      return one;
    },
  },
};

async function scheduledAnew(one: TestWorkspace): Promise<void> {
  const choice = { otherwise: one.policy, alternatives: [] };
  await one.transitions.rescheduling.reschedule({ id: one.id, choice, now: one.now });
}

describe.each([
  ["an hour", HOUR],
  ["thirty seconds", 30_000],
])("set back by %s", (_name, back) => {
  describe.each(Object.entries(WAITS))("%s", (_what, { waits, wait }) => {
    test("is as long as before for whoever begins next", async () => {
      const one = await wait();
      one.now = at(10_000) - back;
      const due = one.now + waits;
      expect(await one.begin()).toMatchObject({ kind: "not-due", dueAt: due });
      expect(await one.wakeAt()).toBe(due);
      one.now = due;
      expect(await one.begin()).toMatchObject({ kind: "begun" });
      await expectSound(one);
    });

    test("is as long as before once all is scheduled anew, and is moved only once", async () => {
      const one = await wait();
      one.now = at(10_000) - back;
      const due = one.now + waits;
      await scheduledAnew(one);
      await scheduledAnew(one);
      expect(await one.wakeAt()).toBe(due);
      expect((await one.state()).restart.dueAt).toBe(due);
      await expectSound(one);
    });
  });

  test("a lease of a worker that is dead ends as soon as one that is taken now, however long it was renewed", async () => {
    for (const renewedFor of [0, 600_000]) {
      const one = await workspace();
      await one.at(10_000).trigger("manual");
      await one.begun();
      if (renewedFor > 0) await one.at(10_000 + renewedFor).renew();
      one.now = at(10_000 + renewedFor) - back;
      expect(await one.begin()).toMatchObject({ kind: "busy", leaseEndsAt: one.now + LEASE_MS });
      expect(await one.wakeAt()).toBe(one.now + LEASE_MS);
      one.now += LEASE_MS;
      expect(await one.begun()).toMatchObject({ how: "takeover", attempt: 2 });
      expect(await one.end()).toMatchObject({ what: "ok" });
      await expectSound(one);
    }
  });

  test("a cycle that ends then has lasted no less than nothing, and its cooldown is as long as before", async () => {
    const one = await workspace();
    await one.at(10_000).trigger("manual");
    await one.begun();
    one.now = at(10_000) - back;
    const ended = await one.end();
    if (ended.kind !== "ended") throw new Error("expected it to end");
    expect(ended.durationMs).toBe(0);
    expect((await one.state()).restart.cooldownEndsAt).toBe(one.now + MINUTE);
    expect(await one.ttl("startedAt")).toBeLessThanOrEqual(MINUTE);
  });

  test("a window that was claimed before ends after its length at the latest, and claims anew after that", async () => {
    const one = await workspace(undefined, POLICIES.seed);
    await one.at(10_000).trigger("file-write");
    one.now = at(10_000) - back;
    expect(await one.trigger("file-write")).toMatchObject({ decision: "dropped", rule: "window" });
    one.now += 15_000;
    expect((await one.trigger("file-write")).rule).not.toBe("window");
  });

  test("a budget that was spent before is spent for a day at the longest", async () => {
    const one = await workspace(undefined, { ...POLICIES.default, budget: { cycles: 1, downtimeMs: 0 } });
    await one.at(10_000).trigger("secret-change");
    await one.at(12_000).cycle();
    one.now = at(12_000) - back;
    await one.trigger("secret-change");
    await one.begin();
    expect((await one.state()).restart.budgetUntil).toBeLessThanOrEqual(one.now + 24 * HOUR);
  });
});

test("clocks that differ by less than a second move nothing", async () => {
  const one = await workspace();
  await one.at(10_000).trigger("secret-change");
  expect(await one.at(9_001).begin()).toMatchObject({ dueAt: at(12_000) });
});

describe("the sweep of a shard", () => {
  const seen: ClockSeen[] = [];
  const settings = {
    leaseMs: LEASE_MS,
    activityTtlMs: ACTIVITY_TTL_MS,
    observer: { clockSeen: (one: ClockSeen) => seen.push(one) },
  };
  const transitions = new Transitions(own.connect(), own.keys, settings);
  const sweep = (now: number) => transitions.sweep({ shard: 0, offset: 0, count: 100, rehintMs: 5_000, now });

  test("remembers the highest time, tells once that the clock was set back, and has all that waits scheduled anew", async () => {
    const [clock, rescheduling, events] = (["clock", "rescheduling", "events"] as const).map((role) =>
      own.keys.forShard(role, 0),
    ) as [string, string, string];
    await own.redis.del(clock, rescheduling);
    await sweep(at(50_000));
    await sweep(at(49_500));
    expect(Number(await own.redis.get(clock)), "less than a second is no matter").toBe(at(50_000));
    seen.length = 0;
    const last = (await own.redis.xrevrange(events, "+", "-", "COUNT", 1))[0]?.[0] ?? "0";
    await sweep(at(50_000) - HOUR);
    await sweep(at(51_000) - HOUR);
    expect(seen.map(({ setBackMs }) => setBackMs)).toEqual([HOUR, 0]);
    expect(await own.redis.hget(rescheduling, "askedAt")).toBe(String(at(50_000) - HOUR));
    const told = (await own.redis.xrange(events, `(${last}`, "+")).map(([, fields]) => fields);
    expect(told).toEqual([
      [
        "event",
        "CLOCK_SET_BACK",
        "workspace_id",
        "",
        "timestamp",
        String(at(50_000) - HOUR),
        "payload",
        expect.any(String),
      ],
    ]);
    expect(JSON.parse(told[0]?.[7] ?? "")).toEqual({ highestAt: at(50_000), byMs: HOUR });
    await own.redis.del(clock, rescheduling);
  });

  test("hints again what was hinted before the clock was set back", async () => {
    const one = await workspace();
    await one.at(10_000 - 2 * HOUR).trigger("manual");
    const ids = async (now: number) => (await sweep(now)).due.map(({ id }) => id);
    expect(await ids(at(10_000))).toContain(one.id);
    expect(await ids(at(10_000) - HOUR)).toContain(one.id);
    await own.redis.del(own.keys.forShard("clock", 0), own.keys.forShard("rescheduling", 0));
  });

  test("finds what waits for an hour that will not come: what is due, and what is only held", async () => {
    const owed = await workspace();
    const held = await workspace();
    const [seconds = 0] = (await own.redis.time()).map(Number);
    // They were written when the clock was an hour ahead of what it is now.
    owed.now = seconds * 1_000 + HOUR;
    held.now = owed.now;
    await owed.trigger("secret-change");
    await held.hold(5 * MINUTE);
    await own.redis.set(own.keys.forShard("clock", 0), String(owed.now));
    const installation = new Installation({ redis: own.redis, prefix: own.prefix });
    const cycles = new Cycles(installation, { worker: "w" });
    for await (const _ of cycles.sweep(0, 5_000)) {
      // Whatever else is due.
    }
    for await (const _ of cycles.reschedule(0, 0)) {
      // Its hint.
    }
    const [after = 0] = (await own.redis.time()).map(Number);
    expect(await owed.wakeAt()).toBeLessThanOrEqual((after + 1) * 1_000 + 2_000);
    held.now = after * 1_000;
    expect((await held.state()).restart.heldUntil).toBeLessThanOrEqual((after + 1) * 1_000 + 5 * MINUTE);
    await own.redis.del(own.keys.forShard("clock", 0), own.keys.forShard("rescheduling", 0));
  });
});
