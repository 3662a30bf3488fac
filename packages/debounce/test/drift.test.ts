import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { driftReason } from "../src/drift/drift-reason.ts";
import { changedFields, digestsOf, driftOf, targetOf, usedSpecOf } from "../src/drift/spec-fields.ts";
import { Installation } from "../src/installation/installation.ts";
import { Observations } from "../src/observation/observations.ts";
import { useRedis } from "./support/redis.ts";

describe("the fields of a spec", () => {
  const before = digestsOf("a", { command: ["run"], env: { TOKEN: "hunter2", MODE: "x" }, stopTimeoutMs: 5 });

  test("are told by name where they differ, one by one within an object", () => {
    const now = digestsOf("a", { command: ["run"], env: { TOKEN: "other", MORE: "y" }, stopTimeoutMs: 5 });
    expect(changedFields(before, now)).toEqual(["env.MODE", "env.MORE", "env.TOKEN"]);
  });

  test("do not differ by the order in which they are written", () => {
    expect(changedFields(digestsOf("a", { a: [{ b: 1, c: 2 }] }), digestsOf("a", { a: [{ c: 2, b: 1 }] }))).toEqual([]);
  });

  test("are remembered without their values, and an equal secret of another workspace looks different", () => {
    expect(JSON.stringify(before)).not.toMatch(/hunter2|run/);
    expect(digestsOf("b", { env: { TOKEN: "hunter2" } })["env.TOKEN"]).not.toBe(before["env.TOKEN"]);
  });

  test("count as they are laid over the defaults, where both are known", () => {
    const over = (model: string) => (spec: object) => ({ model, ...spec });
    const used = usedSpecOf("a", {}, over("one"));
    expect(driftOf(used, usedSpecOf("a", {}, over("two")))).toEqual(["model"]);
    expect(driftOf(used, usedSpecOf("a", { model: "one" }, over("two")))).toEqual([]);
    expect(driftOf(usedSpecOf("a", {}, undefined), usedSpecOf("a", {}, over("two")))).toEqual([]);
    expect(targetOf(used)).not.toBe(targetOf(usedSpecOf("a", {}, over("two"))));
  });

  test("are at most 200: more are told by the outer ones, or as the whole spec", () => {
    const many = (value: number) => Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`F${n}`, n + value]));
    expect(changedFields(digestsOf("a", { env: many(0) }), digestsOf("a", { env: many(1) }))).toEqual(["env"]);
    expect(changedFields(digestsOf("a", many(0)), digestsOf("a", many(1)))).toEqual(["spec"]);
  });

  test("make a reason of whole names", () => {
    expect(driftReason(["command", "env.TOKEN"])).toBe("changed: command, env.TOKEN");
    const many = Array.from({ length: 40 }, (_, n) => `env.VARIABLE_${n}`);
    expect(driftReason(many)).toMatch(/^changed: (env\.VARIABLE_\d+, )+env\.VARIABLE_\d+ and \d+ more$/);
    expect(driftReason(many).length).toBeLessThanOrEqual(200);
  });
});

describe("a changed spec", () => {
  const own = useRedis();
  const installation = new Installation({ redis: own.redis, prefix: own.prefix });
  const coordinator = new RestartCoordinator(installation);
  const by = { actor: "ann" };
  let made = 0;

  /** What a worker is that has these defaults. */
  function worker(defaults: Record<string, unknown> = {}) {
    const effectiveSpec = (spec: object) => ({ ...defaults, ...spec });
    const cycles = new Cycles(installation, { worker: "w", effectiveSpec });
    const observations = new Observations(coordinator, { actor: "w", effectiveSpec });
    return {
      async cycle(id: string, during: () => Promise<unknown> = async () => undefined) {
        await coordinator.verbs.flush(id, by);
        const begun = await cycles.begin(id);
        if (begun.kind !== "begun") throw new Error(`expected ${id} to begin, got ${begun.kind}`);
        await during();
        await begun.lease.end({ outcome: "ok" });
      },
      compare: async (id: string) => observations.compare(await observations.look(id)),
    };
  }

  async function running(spec: Record<string, unknown>, by = worker()): Promise<string> {
    made += 1;
    const id = `ws-${made}`;
    await coordinator.register(id, { spec }, { actor: "ann" });
    await coordinator.trigger(id, { source: "manual" });
    await by.cycle(id);
    return id;
  }

  const register = (id: string, spec: Record<string, unknown>, restart = true) =>
    coordinator.register(id, { spec }, { actor: "ann", restart });
  const state = async (id: string) =>
    (await coordinator.workspace(id)) as NonNullable<Awaited<ReturnType<typeof coordinator.workspace>>>;
  const events = async (id: string, name: string) =>
    (await coordinator.activity(id)).filter(({ event }) => event === name);

  test("of what runs owes a restart, whose why names the fields and no value", async () => {
    const id = await running({ command: ["run"], env: { TOKEN: "hunter2" } });
    const { receipt } = await register(id, { command: ["run"], env: { TOKEN: "hunter3" } });
    expect(receipt).toMatchObject({ source: "spec-change", decision: "coalesced", rule: "cooldown" });
    expect((await state(id)).restart.why).toMatchObject([
      { source: "spec-change", reasons: ["changed: env.TOKEN"], actors: ["ann"] },
    ]);
    expect((await state(id)).drift).toEqual({ fields: ["env.TOKEN"], since: expect.any(Number) });
    const told = JSON.stringify([
      await coordinator.activity(id),
      await own.redis.hget(own.keys.forWorkspace("workspace", id), "specUsed"),
    ]);
    expect(told).not.toContain("hunter");
    await worker().cycle(id);
    expect((await state(id)).drift).toBeUndefined();
  });

  test("that is the same, or of what was never started or is paused, owes none", async () => {
    const id = await running({ command: ["run"] });
    expect(await register(id, { command: ["run"] })).toMatchObject({ receipt: undefined });
    expect((await coordinator.register(id, { name: "n" }, by)).receipt).toBeUndefined();
    await coordinator.register("fresh", { spec: { a: 1 } }, by);
    expect((await register("fresh", { a: 2 })).receipt).toBeUndefined();
    await coordinator.registry.desire(id, "paused", by);
    await worker().cycle(id);
    expect((await register(id, { command: ["other"] })).receipt).toBeUndefined();
    expect((await state(id)).drift).toBeUndefined();
  });

  test("is only told with restart: false, and no look asks for a restart", async () => {
    const id = await running({ command: ["run"] });
    expect((await register(id, { command: ["other"] }, false)).receipt).toBeUndefined();
    expect(await worker().compare(id)).toEqual(["command"]);
    expect(await state(id)).toMatchObject({ drift: { fields: ["command"] }, restart: { why: [], phase: "idle" } });
    expect(await events(id, "WORKSPACE_DRIFTED")).toMatchObject([{ payload: { fields: ["command"], restart: false } }]);
    await coordinator.trigger(id, { source: "manual" });
    await worker().cycle(id);
    expect((await state(id)).drift).toBeUndefined();
  });

  test("that is taken back is no drift any more", async () => {
    const id = await running({ command: ["run"] });
    await register(id, { command: ["other"] }, false);
    await register(id, { command: ["run"] });
    expect((await state(id)).drift).toBeUndefined();
  });

  test("that comes while a cycle runs, which has read the old one, is still owed after it", async () => {
    const id = await running({ command: ["run"] });
    await coordinator.trigger(id, { source: "manual" });
    await worker().cycle(id, () => register(id, { command: ["other"] }));
    expect(await state(id)).toMatchObject({
      drift: { fields: ["command"] },
      restart: { why: [{ source: "spec-change" }] },
    });
  });

  test("whose trigger was lost with its API is asked for at the next look", async () => {
    const id = await running({ command: ["run"] });
    await coordinator.registry.register(id, { spec: { command: ["other"] } });
    expect((await state(id)).restart.why).toEqual([]);
    await worker().compare(id);
    expect((await state(id)).restart.why).toMatchObject([{ source: "spec-change", count: 1, actors: ["w"] }]);
    await worker().compare(id);
    expect((await state(id)).restart.why).toMatchObject([{ count: 1 }]);
  });

  test("may be one of the worker's defaults, and workers that differ do not restart it in turns", async () => {
    const [old, newer] = [worker({ model: "one" }), worker({ model: "two" })];
    const id = await running({ command: ["run"] }, old);
    expect(await newer.compare(id)).toEqual(["model"]);
    expect((await state(id)).restart.why).toMatchObject([{ reasons: ["changed: model"] }]);
    await old.cycle(id);
    expect(await newer.compare(id)).toEqual(["model"]);
    expect(await state(id)).toMatchObject({ drift: { fields: ["model"] }, restart: { why: [] } });
    await coordinator.trigger(id, { source: "manual" });
    await newer.cycle(id);
    expect(await newer.compare(id)).toEqual([]);
    expect((await state(id)).drift).toBeUndefined();
  });

  test("is not judged by what was seen before another cycle", async () => {
    const id = await running({ command: ["run"] });
    await coordinator.registry.register(id, { spec: { command: ["other"] } }, { restart: false });
    const { observing } = installation.transitions;
    const { fence } = await observing.facts({ id });
    await coordinator.trigger(id, { source: "manual" });
    await worker().cycle(id);
    expect(await observing.drift({ id, fence, fields: ["command"], target: "t" })).toBe("stale");
  });
});
