import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });
const { registry, sources } = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));

/** Everywhere Redis still knows the workspace: keys that bear its name, members of the shard's sets. */
async function traces({ id }: TestWorkspace): Promise<string[]> {
  const keys = (await own.allKeys()).filter((key) => key.endsWith(`:${id}`));
  const sets = (["due", "hinted", "workspaces"] as const).map((role) => own.keys.forShard(role, 0));
  const scores = await Promise.all(sets.map((set) => own.redis.zscore(set, id)));
  return [...keys, ...sets.filter((_, i) => scores[i] !== null)];
}

const EVERY_TRACE = [
  "activity",
  "children",
  "covers",
  "due",
  "hinted",
  "idempotency",
  "idempotency-order",
  "journal",
  "last-cycle",
  "registry",
  "started-at",
  "state",
  "why",
  "workspaces",
];

/** A workspace that has lived: every kind of key it can have is there. */
async function lived(): Promise<TestWorkspace> {
  const one = await workspace();
  await registry.register(one.id, { name: "Lived", tags: { team: "a" } });
  await registry.register(`${one.id}.child`, { parentId: one.id });
  for (const source of sources) await one.at(0).trigger(source, { reasons: ["why"], actors: ["ann"] });
  await one.cycle();
  await one.at(100_000).trigger("file-write", { idempotencyKey: "k", idempotencyBody: "b", nonce: `n-${one.id}` });
  const { leaseEndsAt } = await one.begun();
  await one.journal('{"step":"STOPPING"}');
  await one.trigger("manual");
  await one.transitions.sweep({ shard: 0, offset: 0, count: 10_000, rehintMs: 1_000, now: leaseEndsAt });
  const found = (await traces(one)).map((key) => key.slice(key.indexOf("}:") + 2).replace(`:${one.id}`, ""));
  expect(found.filter((role) => !role.startsWith("window:")).sort()).toEqual(EVERY_TRACE);
  expect(found).toContain("window:file-write");
  return one;
}

async function childless(one: TestWorkspace): Promise<void> {
  await registry.forget(`${one.id}.child`, { actor: "ann" });
}

describe("a removed workspace leaves no key", () => {
  test("when it is forgotten at once, in the middle of a cycle", async () => {
    const one = await lived();
    await childless(one);
    expect(await registry.forget(one.id, { actor: "ann" })).toBe("forgotten");
    expect(await traces(one)).toEqual([]);
  });

  test("when a cycle stopped it", async () => {
    const one = await lived();
    await childless(one);
    await one.desire("removed");
    await one.end("canceled");
    expect(await one.begun()).toMatchObject({ action: "remove" });
    await registry.deleteTraces(one.id);
    expect(await one.end("ok")).toMatchObject({ what: "removed", dueAt: undefined });
    expect(await traces(one)).toEqual([]);
  });

  test.each(Object.keys(SITUATIONS))("whatever it was about: %s", async (situation) => {
    const one = await workspace();
    await SITUATIONS[situation]?.(one);
    const { phase } = (await one.state()).restart;
    await one.desire("removed");
    if (phase === "running") await one.end("canceled");
    await expectSound(one, situation);
    expect(await one.begun()).toMatchObject({ action: "remove" });
    await registry.deleteTraces(one.id);
    await one.end("ok");
    expect(await traces(one), situation).toEqual([]);
  });

  test("and whoever comes late leaves none either", async () => {
    const one = await lived();
    await childless(one);
    await registry.forget(one.id, { actor: "ann" });
    const refused = { decision: "refused", rule: "removed", dueAt: undefined };
    expect(await one.trigger("file-write", { nonce: "late", write: true })).toMatchObject(refused);
    expect(await one.trigger("file-write", { idempotencyKey: "k", idempotencyBody: "b" })).toMatchObject(refused);
    expect(await one.end("ok")).toEqual({ kind: "lost" });
    expect(await one.renew()).toEqual({ kind: "lost" });
    expect(await one.journal("{}")).toEqual({ kind: "lost" });
    expect(await one.begin()).toEqual({ kind: "idle" });
    for (const verb of [one.hold(1), one.release(), one.flush(), one.cancel(), one.desire("paused")]) {
      expect(await verb).toEqual({ kind: "unknown" });
    }
    expect(await one.markParent(true)).toEqual({ kind: "unknown" });
    expect(await one.forget()).toBe("unknown");
    expect(await traces(one)).toEqual([]);
  });
});

test("a removal is told in the shard's stream, with who or what removed it: the workspace's own activity is gone", async () => {
  const last = async () => (await own.redis.xrevrange(own.keys.forShard("events", 0), "+", "-", "COUNT", 1))[0]?.[1];
  const [stopped, forgotten] = [await workspace(), await workspace()];
  await stopped.desire("removed");
  const { cycleId: cycle } = await stopped.cycle();
  expect(await last()).toEqual(
    expect.arrayContaining(["WORKSPACE_REMOVED", stopped.id, expect.stringContaining(cycle)]),
  );
  expect(await last(), "and who asked for it").toContainEqual(expect.stringContaining('"actor":"ann"'));
  await forgotten.forget();
  expect(await last()).toEqual(
    expect.arrayContaining(["WORKSPACE_REMOVED", forgotten.id, expect.stringContaining("ann")]),
  );
});

describe("a workspace that is being removed", () => {
  test("cannot be registered, paused or resumed, nor removed twice", async () => {
    const one = await workspace();
    expect(await one.desire("removed")).toMatchObject({ kind: "accepted" });
    expect(await one.register({ name: "again" })).toEqual({ kind: "removing" });
    expect(await one.desire("running")).toEqual({ kind: "removing" });
    expect(await one.desire("removed")).toMatchObject({ kind: "unchanged" });
    expect((await one.state()).name).toBeUndefined();
  });

  test("says so of itself in one read, and is unknown once it is forgotten", async () => {
    const one = await workspace();
    expect(await registry.desired(one.id)).toBe("running");
    await one.desire("removed");
    expect(await registry.desired(one.id)).toBe("removed");
    await registry.forget(one.id, { actor: "ann" });
    expect(await registry.desired(one.id)).toBeUndefined();
  });

  test("is stopped again and again until that works, and is not forgotten before", async () => {
    const one = await workspace();
    await one.at(0).desire("removed");
    await one.begun();
    expect(await one.end("failed")).toMatchObject({ what: "retry", dueAt: at(5_000) });
    await one.at(5_000).begun();
    expect(await one.end("failed", { retryable: false })).toMatchObject({ what: "retry", dueAt: at(15_000) });
    await expectSound(one);
    expect((await one.state()).status).toBe("removing");
    expect(await one.at(15_000).begun()).toMatchObject({ action: "remove" });
    expect(await one.end("ok")).toMatchObject({ what: "removed" });
  });

  test("is asked to be stopped when its worker died, too", async () => {
    const one = await workspace();
    await one.at(0).desire("removed");
    await one.begun();
    expect(await one.at(15_000).begun()).toMatchObject({ how: "takeover", action: "remove" });
  });
});

test("a workspace of the same name registered afterwards starts clean, with higher numbers", async () => {
  const one = await lived();
  await childless(one);
  const before = await one.state();
  const token = one.attempt?.fencingToken ?? Infinity;
  await registry.forget(one.id, { actor: "ann" });
  expect(await one.at(200_000).register()).toEqual({ kind: "created" });
  expect((await one.state()).restart).toMatchObject({ phase: "idle", why: [], lastCycle: undefined, generation: 0 });
  expect(await one.events()).toEqual([]);
  const reply = await one.trigger("file-write", { idempotencyKey: "k", idempotencyBody: "other" });
  expect(reply).toMatchObject({ kind: "judged", decision: "fired" });
  expect(reply.generation).toBeGreaterThan(before.restart.generation);
  const begun = await one.begun();
  expect(begun.fencingToken).toBeGreaterThan(token);
  expect(begun).toMatchObject({ journal: undefined, covers: [{ count: 1 }] });
  expect(await one.end("ok", { fencingToken: token }), "the worker of the old one").toEqual({ kind: "lost" });
  await expectSound(one);
});
