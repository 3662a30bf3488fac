import { describe, expect, test } from "vitest";
import { TOKENS, useApi, type WorkspaceBody } from "./support/api.ts";

const api = useApi();
const put = (id: string, body?: Record<string, unknown>) =>
  api.ask<WorkspaceBody>("PUT", `/workspaces/${id}`, { body });

const IDLE = {
  phase: "idle",
  generation: 0,
  observedGeneration: 0,
  dueAt: null,
  because: null,
  deadlineAt: null,
  startedAt: null,
  cooldownEndsAt: null,
  heldUntil: null,
  holds: [],
  budgetUntil: null,
  loop: null,
  why: [],
  cycle: null,
  lastCycle: null,
  failures: 0,
  declines: 0,
  breakerOpen: false,
};

describe("PUT /workspaces/{id}", () => {
  test("registers a workspace: 201 with its full state, which GET tells from then on", async () => {
    const body = { name: "Canvas", runtime: "vm", tags: { team: "a" }, spec: { command: ["node", "x.js"] } };
    const { status, json } = await put("full", body);
    expect(status).toBe(201);
    const rest = {
      parentId: null,
      pausedBy: null,
      seenAt: null,
      down: null,
      stray: null,
      drift: null,
      createdAt: expect.any(String),
      instance: null,
    };
    expect(json).toEqual({ id: "full", ...body, ...rest, status: "offline", restart: IDLE });
    expect(await api.ask("GET", "/workspaces/full")).toMatchObject({ status: 200, json });
  });

  test("its spec, which may hold secrets, is shown to those alone who may set one", async () => {
    await put("private", { spec: { env: { KEY: "hunter2" } } });
    for (const path of ["/workspaces/private", "/workspaces?limit=200"]) {
      for (const scope of ["read", "trigger", "operate"] as const) {
        const { status, text } = await api.ask("GET", path, { token: TOKENS[scope] });
        expect([status, text.includes("private"), text.includes("hunter2")]).toEqual([200, true, false]);
      }
      expect((await api.ask("GET", path, { token: TOKENS.admin })).text).toContain("hunter2");
    }
  });

  test.each([
    ["an empty body", {}],
    ["none", undefined],
  ])("%s registers one without anything", async (name, body) => {
    const { status, json } = await put(name.replaceAll(" ", "-"), body);
    expect(status).toBe(201);
    expect(json).toMatchObject({ name: null, runtime: null, parentId: null });
    expect([json.tags, json.spec]).toEqual([{}, {}]);
  });

  test("again updates it: 200, and what is left out stays", async () => {
    await put("updated", { name: "one", runtime: "vm", tags: { a: "1", b: "2" } });
    const { status, json } = await put("updated", { name: "two", tags: { c: "3" } });
    expect(status).toBe(200);
    expect(json).toMatchObject({ name: "two", runtime: "vm" });
    expect(json.tags).toEqual({ c: "3" });
  });

  test("the same again changes nothing", async () => {
    const body = { name: "same", tags: { a: "1" }, spec: { n: 1 } };
    const first = await put("same", body);
    const second = await put("same", body);
    expect(second).toMatchObject({ status: 200, json: first.json });
  });

  test("a changed spec of what runs answers with the receipt of the restart that it owes", async () => {
    await put("drifting", { spec: { env: { KEY: "hunter2" } } });
    await api.trigger("drifting", { source: "startup" });
    await api.cycle("drifting");
    expect((await put("drifting", { spec: { env: { KEY: "hunter2" } } })).json).toMatchObject({ receipt: null });
    const { status, json, text } = await put("drifting", { spec: { env: { KEY: "hunter3" } } });
    expect({ status, json }).toMatchObject({
      status: 200,
      json: {
        receipt: { source: "spec-change", decision: "coalesced", rule: "cooldown" },
        drift: { fields: ["env.KEY"] },
      },
    });
    expect(json.restart.why).toMatchObject([
      { source: "spec-change", reasons: ["changed: env.KEY"], actors: ["admin"] },
    ]);
    const read = await api.ask("GET", "/workspaces/drifting", { token: TOKENS.read });
    expect([read.text.includes("env.KEY"), read.text.includes("hunter")]).toEqual([true, false]);
    expect(text).toContain("hunter3");
  });

  test("with restart=false it is only recorded", async () => {
    await put("held-back", { spec: { n: 1 } });
    await api.trigger("held-back", { source: "startup" });
    await api.cycle("held-back");
    const { json } = await api.ask<WorkspaceBody>("PUT", "/workspaces/held-back?restart=false", {
      body: { spec: { n: 2 } },
    });
    expect(json).toMatchObject({
      receipt: null,
      drift: { fields: ["n"], since: expect.any(String) },
      restart: { why: [] },
    });
  });

  test("null removes a field", async () => {
    await put("mother");
    const all = { name: "x", runtime: "vm", parentId: "mother", tags: { a: "1" }, spec: { n: 1 } };
    await put("emptied", all);
    const nothing = Object.fromEntries(Object.keys(all).map((field) => [field, null]));
    const { status, json } = await put("emptied", nothing);
    expect(status).toBe(200);
    expect(json).toMatchObject({ name: null, runtime: null, parentId: null });
    expect([json.tags, json.spec]).toEqual([{}, {}]);
  });

  test("what is refused changes nothing", async () => {
    await put("kept", { name: "kept" });
    expect((await put("kept", { name: "changed", color: "red" })).status).toBe(400);
    expect((await put("kept", { name: "changed", parentId: "nobody" })).status).toBe(400);
    expect((await put("never-made", { parentId: "nobody" })).status).toBe(400);
    expect((await api.state("kept")).name).toBe("kept");
    expect((await api.ask("GET", "/workspaces/never-made")).status).toBe(404);
  });

  test("texts come back as they were sent", async () => {
    const name = 'Ünïcödé \u{1f525} \u202e "quotes" \\ | {} \t';
    const tags = { "clé|é": "välüe\n", constructor: "x" };
    const spec = { nested: { list: [1, 2.5, null, true, "ü"], empty: {}, none: [] }, "": "empty key" };
    expect((await put("texts", { name, tags, spec })).json).toMatchObject({ name, tags, spec });
    expect(await api.state("texts")).toMatchObject({ name, tags, spec });
  });

  test("the bounds themselves are allowed", async () => {
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`${n}`.padEnd(64, "x"), "y".repeat(256)]));
    const spec = { text: "z".repeat(65_536 - '{"text":""}'.length) };
    const body = { name: "n".repeat(200), runtime: "r".repeat(64), tags, spec };
    expect((await put("bounds", body)).json).toMatchObject(body);
  });

  test("a spec is admin's, and stays when an operator changes the rest", async () => {
    await put("spec", { spec: { command: ["a"] } });
    const { status } = await api.ask("PUT", "/workspaces/spec", {
      token: "operate-token-0123456789",
      body: { name: "n" },
    });
    expect(status).toBe(200);
    expect(await api.state("spec")).toMatchObject({ name: "n", spec: { command: ["a"] } });
  });

  test("twice at the same time makes one workspace", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => put("raced", { name: "x" })));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  });
});

describe("GET /workspaces/{id}", () => {
  test("tells what is owed and why, with times as ISO 8601", async () => {
    const id = await api.workspace();
    const before = Date.now();
    await api.trigger(id, { source: "file-write", reason: "saved a", actor: "ann" });
    await api.trigger(id, { source: "file-write", reason: "saved b", actor: "bob" });
    await api.trigger(id, { source: "secret-change", reason: "rotated" });
    const { restart, status } = await api.state(id);
    expect(status).toBe("offline");
    expect(restart).toMatchObject({ phase: "scheduled", observedGeneration: 0, startedAt: null, cooldownEndsAt: null });
    expect(restart.generation).toBeGreaterThanOrEqual(before);
    expect(restart.why).toMatchObject([
      { source: "file-write", count: 2, moreReasons: 0, moreActors: 0 },
      { source: "secret-change", count: 1, reasons: ["rotated"], actors: ["admin"] },
    ]);
    // Newest first; two within one millisecond have no order.
    expect([...(restart.why[0]?.reasons ?? [])].sort()).toEqual(["saved a", "saved b"]);
    expect([...(restart.why[0]?.actors ?? [])].sort()).toEqual(["ann via admin", "bob via admin"]);
    for (const time of [restart.dueAt, restart.why[0]?.firstAt, restart.why[0]?.lastAt]) expectIso(time);
  });

  test("tells of the cycle that runs, and of the last one", async () => {
    const id = await api.workspace();
    const { json: receipt } = await api.trigger(id, { source: "file-write", reason: "saved" });
    const lease = await api.begin(id);
    const running = await api.state(id);
    const covers = [{ source: "file-write", count: 1, reasons: ["saved"], actors: ["admin"] }];
    expect(running).toMatchObject({ status: "provisioning", restart: { phase: "running", why: [], lastCycle: null } });
    expect(running.restart.cycle).toMatchObject({
      id: lease.cycle.cycleId,
      generation: receipt.generation,
      action: "restart",
      attempt: 1,
      covers,
    });
    expectIso(running.restart.startedAt);
    expect(running.restart.cycle?.startedAt).toBe(running.restart.startedAt);

    await lease.end({ outcome: "ok", instance: { pid: 7 } });
    const after = await api.state(id);
    expect(after).toMatchObject({ status: "online", instance: { pid: 7 } });
    expect(after.restart).toMatchObject({
      phase: "idle",
      generation: receipt.generation,
      observedGeneration: receipt.generation,
      dueAt: null,
      startedAt: null,
      cycle: null,
      lastCycle: { id: lease.cycle.cycleId, generation: receipt.generation, outcome: "ok", attempt: 1, covers },
    });
    for (const time of [
      after.restart.cooldownEndsAt,
      after.restart.lastCycle?.startedAt,
      after.restart.lastCycle?.endedAt,
    ])
      expectIso(time);
  });

  test("tells until when it is held, as a time like the others", async () => {
    const id = await api.workspace();
    const { json } = await api.post<{ heldUntil: string }>(id, "hold", { holdMs: 60_000 });
    expect((await api.state(id)).restart).toMatchObject({ phase: "held", heldUntil: json.heldUntil });
    expectIso(json.heldUntil);
  });
});

function expectIso(time: string | null | undefined): void {
  expect(new Date(time ?? "").toISOString()).toBe(time);
}
