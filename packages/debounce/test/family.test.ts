import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();
const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));
const { registry } = coordinator;
const by = { actor: "ann" };

let families = 0;

/** Registers workspaces, each under the one it names: `{ child: "parent" }`. Returns how they are called here. */
async function family(parents: Record<string, string | null>): Promise<(name: string) => string> {
  families += 1;
  const idOf = (name: string) => `f${families}-${name}`;
  for (const [name, parent] of Object.entries(parents)) {
    const result = await registry.register(idOf(name), { parentId: parent === null ? null : idOf(parent) });
    expect(result).toEqual({ kind: "created" });
  }
  return idOf;
}

async function ruleFor(id: string): Promise<string> {
  const { decision, rule } = await coordinator.trigger(id, { source: "manual" });
  return decision === "refused" ? rule : decision;
}

test("a pause refuses the restarts of every descendant, and a resume of none", async () => {
  const id = await family({ top: null, middle: "top", left: "middle", right: "middle", stranger: null });
  await registry.desire(id("top"), "paused", by);
  for (const name of ["middle", "left", "right"]) expect(await ruleFor(id(name)), name).toBe("parent-paused");
  expect(await ruleFor(id("stranger"))).toBe("fired");
  await registry.desire(id("top"), "running", by);
  for (const name of ["middle", "left", "right"]) expect(await ruleFor(id(name)), name).toBe("fired");
});

test("whoever has a paused ancestor of its own stays refused when another one is resumed", async () => {
  const id = await family({ top: null, middle: "top", leaf: "middle" });
  await registry.desire(id("top"), "paused", by);
  await registry.desire(id("middle"), "paused", by);
  await registry.desire(id("top"), "running", by);
  expect(await ruleFor(id("middle"))).toBe("paused");
  expect(await ruleFor(id("leaf"))).toBe("parent-paused");
  await registry.desire(id("middle"), "running", by);
  expect(await ruleFor(id("leaf"))).toBe("fired");
});

test("only a pause refuses descendants: a parent that hibernates does not", async () => {
  const id = await family({ top: null, leaf: "top" });
  await registry.desire(id("top"), "hibernated", by);
  expect(await ruleFor(id("leaf"))).toBe("fired");
});

test("what a descendant is owed waits, and is due when the ancestor is resumed", async () => {
  const id = await family({ top: null, leaf: "top" });
  await coordinator.trigger(id("leaf"), { source: "manual" });
  await registry.desire(id("top"), "paused", by);
  const due = own.keys.forShard("due", 0);
  expect(await own.redis.zscore(due, id("leaf"))).toBeNull();
  await registry.desire(id("top"), "running", by);
  expect(await own.redis.zscore(due, id("leaf"))).not.toBeNull();
});

test("a workspace that is put under a paused one is refused from then on, and no more once it is put elsewhere", async () => {
  const id = await family({ top: null, other: null });
  await registry.desire(id("top"), "paused", by);
  await registry.register(id("leaf"), { parentId: id("top") });
  expect(await ruleFor(id("leaf"))).toBe("parent-paused");
  await registry.register(id("leaf"), { parentId: id("other") });
  expect(await ruleFor(id("leaf"))).toBe("fired");
  await registry.register(id("leaf"), { parentId: id("top") });
  await registry.register(id("leaf"), { name: "renamed" });
  expect(await ruleFor(id("leaf")), "an update that names no parent changes none").toBe("parent-paused");
  await registry.register(id("leaf"), { parentId: null });
  expect(await ruleFor(id("leaf"))).toBe("coalesced");
});

test("a workspace that moves takes its descendants along", async () => {
  const id = await family({ paused: null, running: null, middle: "running", leaf: "middle" });
  await registry.desire(id("paused"), "paused", by);
  await registry.register(id("middle"), { parentId: id("paused") });
  expect(await ruleFor(id("leaf"))).toBe("parent-paused");
  await registry.register(id("middle"), { parentId: id("running") });
  expect(await ruleFor(id("leaf"))).toBe("fired");
});

test("a pause that was interrupted before it reached all descendants is completed by asking again", async () => {
  const id = await family({ top: null, middle: "top", leaf: "middle" });
  await coordinator.installation.transitions.desire({ id: id("top"), desired: "paused", ...by });
  expect(await registry.desire(id("top"), "paused", by)).toMatchObject({ kind: "unchanged" });
  for (const name of ["middle", "leaf"]) expect(await ruleFor(id(name)), name).toBe("parent-paused");
});

test("a loop is refused, however long, and changes nothing", async () => {
  const id = await family({ a: null, b: "a", c: "b" });
  for (const name of ["a", "b", "c"]) {
    const parentId = id(name);
    expect(await registry.register(id("a"), { parentId, name: "changed" })).toEqual({ kind: "parent-loop", parentId });
  }
  expect((await coordinator.workspace(id("a")))?.parentId).toBeUndefined();
  expect((await coordinator.workspace(id("a")))?.name).toBeUndefined();
  expect(await registry.children(id("c"))).toEqual([]);
});

test("a loop that two requests made at once ends no pause in an endless walk", async () => {
  const id = await family({ a: null, b: "a" });
  await own.redis.sadd(own.keys.forWorkspace("children", id("b")), id("a"));
  await coordinator.installation.transitions.register({ id: id("a"), fields: { parentId: id("b") } });
  expect(await registry.desire(id("a"), "paused", by)).toMatchObject({ kind: "accepted" });
  expect(await ruleFor(id("b"))).toBe("parent-paused");
});

test("an unknown parent is refused, and one that is being removed is none", async () => {
  const id = await family({ leaving: null });
  const unknown = { kind: "unknown-parent", parentId: id("nobody") };
  expect(await registry.register(id("leaf"), { parentId: id("nobody") })).toEqual(unknown);
  expect(await coordinator.workspace(id("leaf"))).toBeUndefined();
  await registry.desire(id("leaving"), "removed", by);
  expect(await registry.register(id("leaf"), { parentId: id("leaving") })).toMatchObject({ kind: "unknown-parent" });
});

test("children are those whose own entry names the parent", async () => {
  const id = await family({ top: null, other: null, b: "top", a: "top", c: "top" });
  await registry.register(id("c"), { parentId: id("other") });
  await registry.forget(id("b"), by);
  expect(await registry.children(id("top"))).toEqual([id("a")]);
  expect(await registry.children(id("other"))).toEqual([id("c")]);
});

test("the children of a workspace that is forgotten have no parent, and no other one takes its place", async () => {
  const id = await family({ top: null, left: "top", moved: "top", other: null });
  await registry.register(id("moved"), { parentId: id("other") });
  await registry.forget(id("top"), by);
  expect((await coordinator.workspace(id("left")))?.parentId).toBeUndefined();
  expect((await coordinator.workspace(id("moved")))?.parentId).toBe(id("other"));
  await registry.register(id("top"), {});
  await registry.desire(id("top"), "paused", by);
  expect(await registry.children(id("top"))).toEqual([]);
  expect(await ruleFor(id("left"))).toBe("fired");
});

test("the children of a paused workspace that is forgotten are not refused for ever", async () => {
  const id = await family({ top: null, middle: "top", leaf: "middle" });
  await registry.desire(id("top"), "paused", by);
  await registry.forget(id("top"), by);
  for (const name of ["middle", "leaf"]) expect(await ruleFor(id(name)), name).toBe("fired");
});
