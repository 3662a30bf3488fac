import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import type { Hint } from "../src/transitions/hint.ts";
import type { WorkspaceEntry } from "../src/workspace/registry.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });
const MINUTE = 60_000;

async function held(): Promise<TestWorkspace> {
  const one = await workspace();
  expect(await one.at(0).hold(MINUTE)).toMatchObject({ kind: "held", heldUntil: at(MINUTE) });
  return one;
}

describe("a hold", () => {
  test("lets triggers pile up, and they are owed one cycle when it ends", async () => {
    const one = await held();
    for (const source of ["file-write", "secret-change", "startup", "a2a-preflight", "manual"]) {
      expect(await one.at(1_000).trigger(source), source).toMatchObject({ decision: "coalesced", rule: "held" });
    }
    expect(await one.wakeAt()).toBe(at(MINUTE));
    expect(await one.at(59_999).begin()).toMatchObject({ kind: "not-due", dueAt: at(MINUTE) });
    expect((await one.state()).restart).toMatchObject({ phase: "held", heldUntil: at(MINUTE), dueAt: at(MINUTE) });
    const { covers } = await one.at(MINUTE).cycle();
    expect(covers).toHaveLength(5);
    expect((await one.state()).restart).toMatchObject({ phase: "idle", heldUntil: undefined });
    await expectSound(one);
  });

  test("holds back what was owed before it", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.hold(MINUTE);
    expect(await one.wakeAt()).toBe(at(MINUTE));
    expect(await one.begin()).toMatchObject({ kind: "not-due" });
    await expectSound(one);
  });

  test("lets a running cycle go on, and holds its follow-up back", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.hold(2 * MINUTE);
    await one.trigger("manual");
    expect(await one.at(10_000).renew()).toMatchObject({ kind: "held", stopAsked: false });
    expect(await one.end("ok")).toMatchObject({ what: "ok", dueAt: at(2 * MINUTE) });
    await expectSound(one);
  });

  test("does not hold back a takeover: a started restart is finished", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.hold(MINUTE);
    expect(await one.at(20_000).begun()).toMatchObject({ how: "takeover" });
  });

  test("may be set anew, longer or shorter", async () => {
    const one = await held();
    await one.trigger("file-write");
    await one.at(1_000).hold(5 * MINUTE);
    expect(await one.wakeAt()).toBe(at(5 * MINUTE + 1_000));
    await one.at(2_000).hold(1_000);
    expect(await one.wakeAt()).toBe(at(3_000));
    await expectSound(one);
  });

  test("wakes nobody when nothing is owed", async () => {
    const one = await held();
    expect(await one.wakeAt()).toBeUndefined();
    expect(await one.begin()).toEqual({ kind: "idle" });
  });

  test("is not forgotten while it lasts, and leaves nothing for good when it runs out by itself", async () => {
    const one = await held();
    expect(await one.ttl("state")).toBeGreaterThan(ACTIVITY_TTL_MS);
    expect(await one.ttl("state")).toBeLessThanOrEqual(ACTIVITY_TTL_MS + MINUTE);
    await one.trigger("file-write");
    expect(await one.ttl("state"), "but something is owed").toBeUndefined();
  });

  test("refuses a trigger that asks to be refused by it, and yields to one that is forced", async () => {
    const one = await held();
    expect(await one.trigger("manual", { onHold: "refuse" })).toMatchObject({ decision: "refused", rule: "held" });
    expect((await one.view()).why).toEqual({});
    expect(await one.trigger("manual", { onHold: "override" })).toMatchObject({ decision: "fired", rule: "window" });
    expect(await one.begun()).toMatchObject({ how: "new" });
    await one.end();
    expect((await one.state()).restart.heldUntil, "the hold itself stays").toBe(at(MINUTE));
    expect(await one.trigger("manual")).toMatchObject({ rule: "held" });
  });

  test("a forced restart takes along what was held back", async () => {
    const one = await held();
    await one.trigger("file-write");
    await one.trigger("manual", { onHold: "override" });
    expect((await one.begun()).covers).toMatchObject([{ source: "file-write" }, { source: "manual" }]);
  });

  test("put on after a forced restart was asked for holds that one back, too", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.at(1_000).hold(60_000);
    await one.at(2_000).trigger("manual", { onHold: "override" });
    await one.at(3_000).hold(100_000);
    expect(await one.at(4_000).end()).toMatchObject({ what: "ok", dueAt: at(103_000) });
    expect(await one.begin()).toMatchObject({ kind: "not-due", dueAt: at(103_000) });
    await expectSound(one);
  });

  test("has ended at its very end", async () => {
    const one = await held();
    expect(await one.at(MINUTE - 1).trigger("manual")).toMatchObject({ rule: "held" });
    expect(await one.at(MINUTE).begun()).toMatchObject({ how: "new" });
  });
});

describe("holds of several", () => {
  const BOTH = async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.hold(MINUTE, { actor: "ann", reason: "deploy" });
    await one.at(1_000).hold(MINUTE / 2, { actor: "bob", reason: "demo" });
    return one;
  };

  test("stand side by side, and the last one that ends counts", async () => {
    const one = await BOTH();
    expect((await one.state()).restart).toMatchObject({
      phase: "held",
      heldUntil: at(MINUTE),
      holds: [
        { id: "ann", owner: "ann", reason: "deploy", since: at(0), endsAt: at(MINUTE) },
        { id: "bob", owner: "bob", reason: "demo", since: at(1_000), endsAt: at(MINUTE / 2 + 1_000) },
      ],
    });
    expect(await one.wakeAt()).toBe(at(MINUTE));
    await expectSound(one);
  });

  test("are released one by one: each ends one's own, and restarts go on after the last", async () => {
    const one = await BOTH();
    expect(await one.at(2_000).release({ actor: "ann" })).toMatchObject({
      kind: "released",
      heldUntil: at(MINUTE / 2 + 1_000),
      dueAt: at(MINUTE / 2 + 1_000),
    });
    expect(await one.begin()).toMatchObject({ kind: "not-due" });
    expect(await one.release({ actor: "ann" })).toEqual({ kind: "not-held", heldUntil: at(MINUTE / 2 + 1_000) });
    expect(await one.release({ actor: "bob" })).toMatchObject({ kind: "released", heldUntil: undefined, dueAt: at(0) });
    expect(await one.begun()).toMatchObject({ how: "new" });
    await expectSound(one);
  });

  test("are told apart by what a release tells: who, whose, and until when restarts are held still", async () => {
    const one = await BOTH();
    await one.at(2_000).release({ actor: "root", which: { hold: "ann" } });
    await one.release({ actor: "root", which: "all" });
    const left = { heldUntil: at(MINUTE / 2 + 1_000) };
    expect((await one.events("WORKSPACE_RELEASED")).map(({ payload }) => payload)).toMatchObject([
      { actor: "root", released: [{ hold: "ann", owner: "ann" }], ...left },
      { actor: "root", released: [{ hold: "bob", owner: "bob" }] },
    ]);
  });

  test("a named one that is not there releases nothing", async () => {
    const one = await BOTH();
    expect(await one.release({ which: { hold: "carl" } })).toEqual({ kind: "not-held", heldUntil: at(MINUTE) });
  });

  test("each ends at its own end, and is shown no more then", async () => {
    const one = await BOTH();
    one.at(MINUTE / 2 + 1_000);
    expect((await one.state()).restart.holds.map(({ id }) => id)).toEqual(["ann"]);
    expect(await one.at(MINUTE).begun()).toMatchObject({ how: "new" });
    expect((await one.state()).restart.holds).toEqual([]);
  });

  test("of one owner may have names; a release of one's own ends them all", async () => {
    const one = await workspace();
    await one.at(0).hold(MINUTE, { hold: "migration" });
    await one.hold(2 * MINUTE, { hold: "deploy" });
    expect((await one.state()).restart.holds.map(({ id }) => id)).toEqual(["migration", "deploy"]);
    expect(await one.release()).toMatchObject({ kind: "released", heldUntil: undefined });
  });

  test("a name that is taken is its owner's: nobody else sets that hold anew", async () => {
    const one = await workspace();
    await one.at(0).hold(MINUTE, { hold: "deploy", actor: "ann" });
    expect(await one.hold(1_000, { hold: "deploy", actor: "bob" })).toEqual({ kind: "taken", owner: "ann" });
    expect((await one.state()).restart.heldUntil).toBe(at(MINUTE));
    one.at(MINUTE);
    expect(await one.hold(1_000, { hold: "deploy", actor: "bob" }), "once it has ended").toMatchObject({
      kind: "held",
    });
  });

  test("are at most 32 at a time; what has ended makes room", async () => {
    const one = await workspace();
    one.at(0);
    for (let n = 0; n < 32; n += 1) await one.hold(MINUTE, { hold: `h${n}` });
    expect(await one.hold(MINUTE, { hold: "h32" })).toEqual({ kind: "too-many", most: 32 });
    expect(await one.hold(2 * MINUTE, { hold: "h7" }), "one of them is set anew").toMatchObject({ kind: "held" });
    expect(await one.at(MINUTE).hold(MINUTE, { hold: "h32" })).toMatchObject({ kind: "held" });
  });

  test("renewed only last longer: nothing more is told, and what was forced meanwhile stays forced", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.hold(10 * MINUTE, { hold: "alert", renews: true });
    await one.at(1_000).trigger("manual", { onHold: "override" });
    expect(await one.hold(MINUTE, { hold: "alert", renews: true })).toMatchObject({ endsAt: at(10 * MINUTE) });
    const renewed = await one.hold(20 * MINUTE, { hold: "alert", renews: true });
    expect(renewed).toMatchObject({ kind: "held", heldUntil: at(20 * MINUTE + 1_000) });
    expect(await one.events("WORKSPACE_HELD")).toHaveLength(1);
    await one.end();
    expect(await one.begun()).toMatchObject({ how: "new" });
  });
});

describe("a release", () => {
  test("wakes what is owed at once", async () => {
    const one = await held();
    await one.trigger("file-write");
    const released = await one.at(5_000).release();
    expect(released).toMatchObject({ kind: "released", dueAt: at(0) });
    expect(released).toHaveProperty("hintId", expect.any(String));
    expect(await one.begun()).toMatchObject({ how: "new" });
    await expectSound(one);
  });

  test("leaves window and cooldown as they are", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.cycle();
    await one.hold(10_000);
    await one.at(1_000).trigger("file-write");
    expect(await one.release()).toMatchObject({ dueAt: at(MINUTE) });
  });

  test("of what owes nothing wakes nobody", async () => {
    const one = await held();
    expect(await one.release()).toMatchObject({ kind: "released", dueAt: undefined, hintId: undefined });
    expect(await one.ttl("state")).not.toBeUndefined();
    await expectSound(one);
  });

  test("of what is not held, or no more, changes nothing", async () => {
    const one = await workspace();
    expect(await one.release()).toEqual({ kind: "not-held", heldUntil: undefined });
    await one.hold(1_000);
    expect(await one.at(1_000).release()).toEqual({ kind: "not-held", heldUntil: undefined });
    expect(await one.events("WORKSPACE_RELEASED")).toEqual([]);
  });

  test("while a cycle runs hints nobody: its end does", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.hold(MINUTE);
    await one.trigger("manual");
    expect(await one.release()).toMatchObject({ kind: "released", hintId: undefined });
    expect(await one.end()).toMatchObject({ dueAt: at(0) });
  });
});

test("through the coordinator, an operator's verbs enqueue the hints they need", async () => {
  const hints: Hint[] = [];
  const onDue = (hint: Hint) => hints.push(hint);
  const coordinator = new RestartCoordinator(
    new Installation({ redis: own.redis, prefix: own.prefix, policy: POLICIES.settle }),
    { onDue },
  );
  await coordinator.registry.register("hinted", {});
  await coordinator.verbs.hold("hinted", { holdMs: MINUTE, actor: "ann" });
  await coordinator.trigger("hinted", { source: "manual" });
  expect(hints).toMatchObject([{ workspaceId: "hinted", delayMs: expect.any(Number) }]);
  expect(hints[0]?.delayMs).toBeGreaterThan(0);
  await coordinator.verbs.release("hinted", { actor: "ann" });
  expect(hints.at(-1)).toMatchObject({ delayMs: 0 });
  await coordinator.verbs.flush("hinted", { actor: "ann" });
  expect(new Set(hints.map(({ hintId }) => hintId)).size, "no two hints are the same").toBe(3);
});

describe("through the coordinator, what brings an owed restart forward hints", () => {
  const hintsOf = (id: string) => hints.filter(({ workspaceId }) => workspaceId === id);
  const hints: Hint[] = [];
  const coordinator = new RestartCoordinator(
    new Installation({ redis: own.redis, prefix: own.prefix, policy: POLICIES.default }),
    { onDue: (hint) => hints.push(hint) },
  );
  const owed = async (id: string, entry: WorkspaceEntry = {}) => {
    await coordinator.registry.register(id, entry);
    await coordinator.trigger(id, { source: "file-write" });
    expect(hintsOf(id), "that of the trigger").toHaveLength(1);
  };

  test("a hold that is cut short", async () => {
    await owed("cut-short");
    await coordinator.verbs.hold("cut-short", { holdMs: 2 * MINUTE, actor: "ann" });
    expect(hintsOf("cut-short"), "who holds it back hints nobody").toHaveLength(1);
    await coordinator.verbs.hold("cut-short", { holdMs: 5_000, actor: "ann" });
    const [, second] = hintsOf("cut-short");
    expect(second?.delayMs).toBeGreaterThan(4_000);
    expect(second?.delayMs).toBeLessThanOrEqual(5_000);
  });

  test("a runtime that is external no more", async () => {
    await owed("external");
    await coordinator.registry.register("external", { runtime: "external" });
    await coordinator.registry.register("external", { name: "Renamed" });
    expect(hintsOf("external")).toHaveLength(1);
    await coordinator.registry.register("external", { runtime: null });
    expect(hintsOf("external")).toMatchObject([{}, { delayMs: 0 }]);
    await coordinator.registry.register("external", { name: "Renamed again" });
    expect(hintsOf("external"), "nothing has become sooner").toHaveLength(2);
  });

  test("an ancestor that is paused no more, or has gone", async () => {
    await coordinator.registry.register("ancestor", {});
    await owed("descendant", { parentId: "ancestor" });
    await coordinator.registry.desire("ancestor", "paused", { actor: "ann" });
    expect(hintsOf("descendant")).toHaveLength(1);
    await coordinator.registry.desire("ancestor", "running", { actor: "ann" });
    expect(hintsOf("descendant")).toMatchObject([{}, { delayMs: 0 }]);
    await coordinator.registry.desire("ancestor", "paused", { actor: "ann" });
    await coordinator.registry.forget("ancestor", { actor: "ann" });
    expect(hintsOf("descendant")).toMatchObject([{}, {}, { delayMs: 0 }]);
  });

  test("under a new parent that is paused, only once that is marked: nobody begins in between", async () => {
    const marks: Promise<string | null>[] = [];
    const registryKey = own.keys.forWorkspace("workspace", "adopted");
    const onDue = () => marks.push(own.redis.hget(registryKey, "parentPaused"));
    const { registry } = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }), { onDue });
    await coordinator.registry.register("paused", {});
    await coordinator.registry.desire("paused", "paused", { actor: "ann" });
    await owed("adopted");
    await registry.register("adopted", { runtime: "external" });
    await registry.register("adopted", { runtime: null, parentId: "paused" });
    expect(await Promise.all(marks)).toEqual(["1"]);
  });

  test("twice in one millisecond, by two hints: the queue would take one of the same name for the same", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.hold(5 * MINUTE);
    const [first, second] = [await one.hold(2 * MINUTE), await one.hold(MINUTE)];
    expect([first, second]).toMatchObject([
      { dueAt: at(2 * MINUTE), hintId: expect.any(String) },
      { dueAt: at(MINUTE), hintId: expect.any(String) },
    ]);
    expect(first).not.toMatchObject({ hintId: "hintId" in second ? second.hintId : undefined });
  });

  test("but not while a cycle runs: its end looks", async () => {
    const one = await workspace();
    await one.at(0).trigger("file-write");
    await one.begun();
    await one.trigger("manual");
    await one.hold(2 * MINUTE);
    expect(await one.hold(1_000)).toMatchObject({ kind: "held", hintId: undefined });
  });
});
