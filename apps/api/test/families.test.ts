import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type ReceiptBody, useApi, type WorkspaceBody } from "./support/api.ts";

const api = useApi({ settings: { SHARDS: 3 } });
const put = (id: string, parentId: string | null) => api.ask("PUT", `/workspaces/${id}`, { body: { parentId } });

/** A workspace, its child, the child's child, and so on. */
async function line(length: number): Promise<string[]> {
  const name = randomBytes(5).toString("hex");
  const ids = Array.from({ length }, (_, n) => `${name}-${n}`);
  for (const [n, id] of ids.entries()) expect((await put(id, ids[n - 1] ?? null)).status).toBe(201);
  return ids;
}

async function verdict(id: string): Promise<Pick<ReceiptBody, "decision" | "rule">> {
  const { decision, rule } = (await api.trigger(id, { source: "file-write" })).json;
  return { decision, rule };
}
const REFUSED = { decision: "refused", rule: "parent-paused" };
const FIRED = { decision: "fired", rule: "window" };

/** Carries out what every one of them shall be. */
async function carriedOut(...ids: string[]): Promise<void> {
  for (const id of ids) await api.cycle(id);
}

describe("a parent", () => {
  test("is told in the state, can be changed and taken away", async () => {
    const [a = "", b = "", c = ""] = await line(3);
    expect(await api.state(c)).toMatchObject({ parentId: b });
    await put(c, a);
    expect(await api.state(c)).toMatchObject({ parentId: a });
    await put(c, null);
    expect(await api.state(c)).toMatchObject({ parentId: null });
  });

  test("that is not registered is refused", async () => {
    const { status, json } = await put("orphan", "nobody");
    expect({ status, json }).toMatchObject({ status: 400, json: { type: "invalid-input", title: "Invalid input" } });
    expect(json.detail).toBe("parentId: nobody is not registered");
    expect(json.fields).toEqual([{ field: "parentId", message: "is not registered" }]);
  });

  test.each([
    ["itself", 0],
    ["its child", 1],
    ["its grandchild", 2],
    ["a far descendant", 5],
  ])("that is %s would be a loop", async (_, distance) => {
    const ids = await line(6);
    const [top = ""] = ids;
    const { status, json } = await put(top, ids[distance] ?? "");
    expect(status).toBe(400);
    expect(json.fields).toEqual([{ field: "parentId", message: `would make ${top} its own ancestor` }]);
    expect((await api.state(top)).parentId).toBeNull();
  });

  test("new workspaces cannot be their own parents either", async () => {
    expect((await put("self", "self")).status).toBe(400);
    expect((await api.ask("GET", "/workspaces/self")).status).toBe(404);
  });
});

describe("pausing a parent", () => {
  interface Cascade {
    readonly changed: boolean;
    readonly descendants: readonly { readonly id: string; readonly kind: string }[];
  }
  const pause = (id: string) => api.post<Cascade>(id, "pause?cascade=true");
  const resume = (id: string, query = "?cascade=true") => api.post<Cascade>(id, `resume${query}`);

  test("without cascade answers 409, says how many there are and how to go on, and changes nothing", async () => {
    const [top = "", , bottom = ""] = await line(3);
    for (const query of ["", "?cascade=false"]) {
      const { status, json } = await api.post(top, `pause${query}`);
      const problem = { type: "conflict", rule: "descendants", descendants: 2 };
      expect({ status, json }).toMatchObject({ status: 409, json: problem });
      expect(json.detail).toBe(
        `workspace ${top} has 2 descendants: POST /workspaces/${top}/pause?cascade=true pauses them along with it`,
      );
    }
    expect(await api.state(top)).toMatchObject({ status: "offline", restart: { generation: 0 } });
    expect((await api.post(bottom, "pause")).status, "who has none needs no cascade").toBe(202);
  });

  test("with cascade stops each descendant by a cycle of its own, and its resume brings each back", async () => {
    const [top = "", ...below] = await line(4);
    const { status, json } = await pause(top);
    expect({ status, json }).toMatchObject({ status: 202, json: { changed: true } });
    expect(json.descendants).toEqual(below.map((id) => ({ id, kind: "accepted" })));
    for (const id of [top, ...below]) {
      const lease = await api.begin(id);
      expect(lease.cycle.action).toBe("stop");
      await lease.end({ outcome: "ok" });
      expect(await api.state(id)).toMatchObject({ status: "paused", pausedBy: id === top ? null : top });
      expect(await verdict(id)).toEqual({ decision: "refused", rule: "paused" });
      expect((await api.activity(id)).at(-1)).toMatchObject({ event: "WORKSPACE_PAUSED", payload: { actor: "admin" } });
    }
    expect((await resume(top)).json.descendants).toEqual(below.map((id) => ({ id, kind: "accepted" })));
    await carriedOut(top, ...below);
    for (const id of [top, ...below]) expect(await api.state(id)).toMatchObject({ status: "online", pausedBy: null });
  });

  test("twice changes nothing the second time", async () => {
    const [top = "", child = ""] = await line(2);
    await pause(top);
    expect((await pause(top)).json).toMatchObject({ changed: false, descendants: [{ id: child, kind: "unchanged" }] });
    await resume(top);
    expect((await resume(top)).json).toMatchObject({ changed: false, descendants: [{ id: child, kind: "unchanged" }] });
  });

  test("its resume brings back just those that its pause took along", async () => {
    const [top = "", own = "", taken = ""] = await line(3);
    const [asleep, later] = [`${top}-asleep`, `${top}-later`];
    for (const id of [asleep, later]) await put(id, top);
    await api.post(own, "pause?cascade=false");
    await pause(own);
    await api.post(asleep, "hibernate");
    await pause(top);
    await api.post(later, "pause");
    await resume(top);
    const desired = async (id: string) => (await api.state(id)).status;
    expect({ own: await desired(own), asleep: await desired(asleep) }).toEqual({ own: "paused", asleep: "hibernated" });
    expect(await desired(taken), "it was its parent's pause that took it").toBe("paused");
    expect(await desired(later), "somebody paused it for itself meanwhile").toBe("paused");
  });

  test("its resume without cascade leaves them paused, and no more refused for its sake", async () => {
    const [top = "", child = ""] = await line(2);
    await pause(top);
    expect((await resume(top, "")).json.descendants).toBeUndefined();
    expect(await api.state(child)).toMatchObject({ status: "paused" });
    await api.post(child, "resume");
    await api.cycle(child);
    expect(await verdict(child)).toMatchObject({ decision: "coalesced" });
  });

  test("says which descendants could not be reached, and asking again completes it", async () => {
    const [top = "", broken = "", bottom = ""] = await line(3);
    const [entry = ""] = await api.keys(`*}:registry:${broken}`);
    const activity = entry.replace(":registry:", ":activity:");
    // Its script, and no other, stumbles over it.
    await api.redis.set(activity, "not a list");
    const first = await api.post<Cascade & { type: string; detail: string }>(top, "pause?cascade=true");
    expect(first).toMatchObject({ status: 503, headers: { "retry-after": "1" }, json: { type: "incomplete" } });
    expect(first.json.detail).toBe("1 of 2 descendants could not be reached; repeat the request to complete it");
    expect(first.json.descendants).toEqual([
      { id: broken, kind: "failed" },
      { id: bottom, kind: "accepted" },
    ]);
    await api.redis.del(activity);
    expect((await pause(top)).status).toBe(202);
    for (const id of [top, broken, bottom]) expect((await api.state(id)).status).toBe("paused");
  });

  test("leaves what they are owed owed: it waits for the resume", async () => {
    const [top = "", child = ""] = await line(2);
    await api.trigger(child, { source: "file-write" });
    await pause(top);
    await api.cycle(child);
    expect((await api.state(child)).restart).toMatchObject({ dueAt: null, why: [{ source: "file-write", count: 1 }] });
    expect(await api.cycles.begin(child)).toMatchObject({ kind: "idle" });
    await resume(top);
    expect((await api.begin(child)).cycle.covers).toMatchObject([{ source: "file-write", count: 1 }]);
  });

  test("does not concern siblings, nor its own parent", async () => {
    const [top = "", middle = ""] = await line(2);
    const sibling = `${top}-sibling`;
    await put(sibling, top);
    await api.post(middle, "pause");
    for (const id of [top, sibling]) expect(await verdict(id)).toEqual(FIRED);
  });

  test("keeps a child that is resumed under it waiting, and says so; it starts with the parent", async () => {
    const [top = "", child = ""] = await line(2);
    await pause(top);
    await carriedOut(top, child);
    const { status, json } = await resume(child, "");
    expect({ status, json }).toMatchObject({ status: 202, json: { changed: true, waitsFor: "parent-paused" } });
    expect(await api.state(child)).toMatchObject({ status: "offline", restart: { phase: "idle", dueAt: null } });
    expect(await api.cycles.begin(child)).toEqual({ kind: "idle" });
    expect(await verdict(child)).toEqual(REFUSED);
    await resume(top, "");
    const lease = await api.begin(child);
    expect(lease.cycle.action).toBe("restart");
    await lease.end({ outcome: "ok" });
    expect(await verdict(child)).toMatchObject({ decision: "coalesced" });
  });

  test.each(["hibernate", "wake"])("%s takes no cascade", async (verb) => {
    const [top = ""] = await line(2);
    const { status, json } = await api.post(top, `${verb}?cascade=true`);
    expect({ status, fields: json.fields }).toEqual({
      status: 400,
      fields: [{ field: "cascade", message: "unknown field" }],
    });
  });

  test("hibernating it does not refuse theirs", async () => {
    const [top = "", child = ""] = await line(2);
    await api.post(top, "hibernate");
    expect(await verdict(child)).toEqual({ decision: "fired", rule: "window" });
  });
});

describe("moving", () => {
  test("under a paused parent refuses, away from it accepts", async () => {
    const [paused = ""] = await line(1);
    const [moved = ""] = await line(1);
    await api.post(paused, "pause");
    await put(moved, paused);
    expect(await verdict(moved)).toEqual(REFUSED);
    await put(moved, null);
    expect(await verdict(moved)).toEqual({ decision: "fired", rule: "window" });
  });

  test("a new workspace under a paused parent is refused from the start", async () => {
    const [paused = ""] = await line(1);
    await api.post(paused, "pause");
    const id = `${paused}-born`;
    expect((await api.ask<WorkspaceBody>("PUT", `/workspaces/${id}`, { body: { parentId: paused } })).status).toBe(201);
    expect(await verdict(id)).toEqual(REFUSED);
  });

  test("takes its own descendants along", async () => {
    const [paused = ""] = await line(1);
    const [moved = "", child = "", grandchild = ""] = await line(3);
    await api.post(paused, "pause");
    await put(moved, paused);
    for (const id of [child, grandchild]) expect(await verdict(id)).toEqual(REFUSED);
    await put(moved, null);
    for (const id of [child, grandchild]) expect(await verdict(id)).toEqual({ decision: "fired", rule: "window" });
  });
});
