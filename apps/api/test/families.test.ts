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
  test("refuses the restarts of all its descendants, until it is resumed", async () => {
    const [top = "", ...below] = await line(4);
    await api.post(top, "pause");
    for (const id of below) {
      expect(await verdict(id)).toEqual(REFUSED);
      const { status, json } = await api.post(id, "restart");
      expect({ status, json }).toMatchObject({ status: 409, json: { type: "refused", rule: "parent-paused" } });
    }
    await api.post(top, "resume");
    for (const id of below) expect(await verdict(id)).toEqual({ decision: "fired", rule: "window" });
  });

  test("leaves what they are owed owed: it waits for the resume", async () => {
    const [top = "", child = ""] = await line(2);
    await api.trigger(child, { source: "file-write" });
    await api.post(top, "pause");
    expect((await api.state(child)).restart).toMatchObject({ dueAt: null, why: [{ source: "file-write", count: 1 }] });
    expect(await api.cycles.begin(child)).toMatchObject({ kind: "idle" });
    await api.post(top, "resume");
    await api.cycle(child);
  });

  test("does not concern siblings, nor its own parent", async () => {
    const [top = "", middle = ""] = await line(2);
    const sibling = `${top}-sibling`;
    await put(sibling, top);
    await api.post(middle, "pause");
    for (const id of [top, sibling]) expect(await verdict(id)).toEqual({ decision: "fired", rule: "window" });
  });

  test("goes on where a paused child is resumed under it, and where it is resumed over a paused child", async () => {
    const [top = "", middle = "", bottom = ""] = await line(3);
    await api.post(top, "pause");
    await api.post(middle, "pause");
    await api.post(top, "resume");
    expect(await verdict(bottom)).toEqual(REFUSED);
    await api.post(middle, "resume");
    expect(await verdict(bottom)).toEqual({ decision: "fired", rule: "window" });
    await api.post(top, "pause");
    await api.post(middle, "pause");
    await api.post(middle, "resume");
    expect(await verdict(bottom)).toEqual(REFUSED);
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
