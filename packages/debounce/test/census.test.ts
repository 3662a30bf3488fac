/** Workspaces are counted by phase without looking at any: the counts must be those that looking at each would give. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { PHASES, type Phase } from "../src/vocabulary.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { randomFrom } from "./support/walk.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);

const count = (now: number, one: TestWorkspace) => one.transitions.census({ shard: 0, now });

/** As one would count them by hand. */
async function looked(workspaces: readonly TestWorkspace[], now: number): Promise<Record<Phase, number>> {
  const counts = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  for (const one of workspaces) {
    one.now = now;
    counts[(await one.state()).restart.phase] += 1;
  }
  return counts;
}

test("each situation counts as the phase it shows, then and when time has passed over it", async () => {
  const names = Object.keys(SITUATIONS);
  for (const name of names) {
    const one = await workspace();
    await SITUATIONS[name]?.(one);
    const now = one.now;
    for (const later of [0, 1, 4_000, 60_000, 4_000_000]) {
      const { phases, registered } = await count(now + later, one);
      expect(registered).toBe(1);
      expect(phases, `${name}, ${later} ms later`).toEqual(await looked([one], now + later));
    }
    await one.forget();
  }
  expect(await own.redis.exists(own.keys.forShard("phases", 0)), "and nothing is left of them").toBe(0);
});

describe.each([1, 2, 3])("in random lives of several workspaces (seed %i)", (seed) => {
  test("the counts agree with what each of them shows after every step", async () => {
    const random = randomFrom(seed);
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
    const all = await Promise.all(Array.from({ length: 5 }, () => workspace()));
    let now = at(0);
    const told: string[] = [];
    for (let i = 0; i < 150; i += 1) {
      now += pick([0, 1, 500, 5_000, 16_000, 60_000]);
      const one = pick(all);
      one.now = now;
      const step = pick(Object.keys(STEPS));
      told.push(`+${now - at(0)} ${one.id} ${step}`);
      await STEPS[step]?.(one);
      expect((await count(now, one)).phases, told.join("\n")).toEqual(await looked(all, now));
    }
    await Promise.all(all.map((one) => one.forget()));
  });
});

/** A hold outlives every backoff here: of one that is shorter the count tells less, as census.lua says. */
const HOLD_MS = 700_000;

const STEPS: Readonly<Record<string, (one: TestWorkspace) => Promise<unknown>>> = {
  write: (one) => one.trigger("file-write"),
  secret: (one) => one.trigger("secret-change"),
  manual: (one) => one.trigger("manual"),
  begin: (one) => begin(one),
  "begin again": (one) => begin(one),
  ok: (one) => one.end("ok"),
  failed: (one) => one.end("failed"),
  "failed for good": (one) => one.end("failed", { retryable: false }),
  declined: (one) => one.end("declined"),
  handover: (one) => one.end("handover"),
  hold: (one) => one.hold(HOLD_MS),
  release: (one) => one.release(),
  flush: (one) => one.flush(),
  cancel: (one) => one.cancel(),
  pause: (one) => one.desire("paused"),
  resume: (one) => one.desire("running"),
  parent: (one) => one.markParent(true),
  "parent back": (one) => one.markParent(false),
  external: (one) => one.register({ runtime: "external" }),
  "not external": (one) => one.register({ runtime: "" }),
  sweep: (one) => one.transitions.sweep({ shard: 0, offset: 0, count: 10, rehintMs: 1_000, now: one.now }),
};

async function begin(one: TestWorkspace): Promise<void> {
  const reply = await one.begin(`worker/${Math.random()}`);
  if (reply.kind === "begun") one.attempt = reply;
}

test("the oldest due one without a live worker tells its age, a running one does not", async () => {
  const [first, second] = [await workspace(), await workspace()];
  expect((await count(at(0), first)).oldestDueAgeMs).toBe(0);
  await first.at(1_000).trigger("file-write");
  await second.at(2_000).trigger("file-write");
  expect((await count(at(5_000), first)).oldestDueAgeMs).toBe(4_000);
  await first.at(5_000).begun();
  expect((await count(at(6_000), first)).oldestDueAgeMs).toBe(4_000);
  await second.at(6_000).begun();
  expect((await count(at(7_000), first)).oldestDueAgeMs).toBe(0);
  // Both workers die.
  expect((await count(at(30_000), first)).oldestDueAgeMs).toBe(10_000);
  await Promise.all([first.forget(), second.forget()]);
});

test("a hold that runs out with nothing owed leaves nothing behind after a sweep", async () => {
  const one = await workspace();
  await one.at(0).hold(1_000);
  expect((await count(at(500), one)).phases).toMatchObject({ held: 1, idle: 0 });
  expect((await count(at(1_000), one)).phases).toMatchObject({ held: 0, idle: 1 });
  await one.transitions.sweep({ shard: 0, offset: 0, count: 10, rehintMs: 1_000, now: at(1_000) });
  expect(await own.redis.exists(own.keys.forShard("phases", 0))).toBe(0);
  await one.forget();
});

test("a count looks at no workspace, so that a scrape costs the same whether there are ten or 100,000", () => {
  const lua = readFileSync(new URL("../lua/census.lua", import.meta.url), "utf8").replace(/--.*$/gm, "");
  const commands = [...lua.matchAll(/redis\.call\('(\w+)'/g)].map(([, command]) => command);
  expect(new Set(commands)).toEqual(new Set(["ZCOUNT", "ZCARD", "ZRANGE", "HMGET"]));
  expect(lua).toContain("'LIMIT', 0, 1");
});

test("a coordinator counts over all shards", async () => {
  const sharded = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix, shards: 3 }));
  const ids = ["a", "b", "c", "d", "e"];
  await Promise.all(ids.map((id) => sharded.registry.register(id, {})));
  await Promise.all(["a", "b"].map((id) => sharded.trigger(id, { source: "secret-change" })));
  expect(await sharded.census()).toEqual({
    registered: 5,
    phases: { idle: 3, scheduled: 2, running: 0, backoff: 0, held: 0, failed: 0 },
    oldestDueAgeMs: 0,
    down: 0,
    observationAgeMs: undefined,
  });
  await Promise.all(ids.map((id) => sharded.registry.forget(id, { actor: "ann" })));
});
