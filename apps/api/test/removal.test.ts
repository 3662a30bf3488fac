import { randomBytes } from "node:crypto";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TOKENS, useApi } from "./support/api.ts";

const api = useApi();
const remove = (id: string, query = "") => api.ask("DELETE", `/workspaces/${id}${query}`);

/** The keys of a workspace; not the hints in the queue, which find nothing to do, nor windows, which the worker deletes. */
async function keysOf(id: string): Promise<string[]> {
  return (await api.keys(`*${id}*`)).filter((key) => !/^\{[^}]+\}:(restarts|window):/.test(key));
}

/** A workspace with files, a why and activity, whose last cycle went well. */
async function used(): Promise<string> {
  const id = await api.workspace({ name: "used" });
  await api.ask("PUT", `/workspaces/${id}/files/a.txt`, { body: "text" });
  await api.cycle(id);
  await api.trigger(id, { source: "secret-change" }, { headers: { "idempotency-key": "1" } });
  return id;
}

describe("DELETE /workspaces/{id}", () => {
  test("answers 202 and leaves the stop to a cycle, after which nothing is left", async () => {
    const id = await used();
    const { status, json } = await remove(id);
    expect({ status, json }).toEqual({ status: 202, json: { id, status: "removing" } });
    expect(await api.state(id)).toMatchObject({ status: "removing", restart: { phase: "scheduled" } });
    const lease = await api.begin(id);
    expect(lease.cycle.action).toBe("remove");
    expect(await lease.end({ outcome: "ok" })).toMatchObject({ what: "removed" });
    expect((await api.ask("GET", `/workspaces/${id}`)).status).toBe(404);
    expect((await remove(id)).status).toBe(404);
    expect(await keysOf(id)).toEqual([]);
  });

  test("again changes nothing", async () => {
    const id = await used();
    await remove(id);
    const before = await api.state(id);
    expect(await remove(id)).toMatchObject({ status: 202, json: { id, status: "removing" } });
    expect(await api.state(id)).toEqual(before);
  });

  test("asks a running cycle to stop", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    await remove(id);
    await lease.record("{}");
    expect(lease.stopAsked).toBe(true);
    await lease.end({ outcome: "canceled" });
    expect((await api.begin(id)).cycle.action).toBe("remove");
  });

  test.each(["pause", "hibernate"])("works after %s, and in the runtime external", async (verb) => {
    const id = await api.workspace();
    await api.post(id, verb);
    await api.ask("PUT", `/workspaces/${id}`, { body: { runtime: "external" } });
    expect((await remove(id)).status).toBe(202);
    expect((await api.begin(id)).cycle.action).toBe("remove");
  });

  test("with children answers 409 and names them, also with force", async () => {
    const id = await api.workspace();
    const children = await Promise.all([api.workspace({ parentId: id }), api.workspace({ parentId: id })]);
    for (const query of ["", "?force=true"]) {
      const { status, json } = await remove(id, query);
      expect({ status, json }).toMatchObject({
        status: 409,
        json: { type: "conflict", title: "Conflict", rule: "children" },
      });
      expect(json.detail).toBe(`workspace ${id} has children: ${children.sort().join(", ")}`);
    }
    expect((await api.state(id)).status).toBe("offline");
    await api.ask("PUT", `/workspaces/${children[0]}`, { body: { parentId: null } });
    await remove(children[1] ?? "", "?force=true");
    expect((await remove(id)).status).toBe(202);
  });
});

describe("DELETE /workspaces/{id}?force=true", () => {
  test("forgets at once: no key is left, not even of those that were its children", async () => {
    const parent = await api.workspace();
    const id = await used();
    await api.ask("PUT", `/workspaces/${id}`, { body: { parentId: parent } });
    const child = await api.workspace({ parentId: id });
    await api.ask("PUT", `/workspaces/${child}`, { body: { parentId: null } });
    expect(await remove(id, "?force=true")).toMatchObject({ status: 202, json: { id, status: "removed" } });
    expect((await api.ask("GET", `/workspaces/${id}`)).status).toBe(404);
    expect(await keysOf(id)).toEqual([]);
    expect(await api.keys(`window:*:${id}`)).toEqual([]);
    expect((await remove(parent)).status).toBe(202);
  });

  test("takes the files along: the next of that name finds none", async () => {
    const id = await used();
    await remove(id, "?force=true");
    await expect(access(join(api.config.WORKSPACES_DIR, id))).rejects.toThrow("ENOENT");
    await api.ask("PUT", `/workspaces/${id}`, { body: {} });
    expect((await api.ask<{ files: unknown }>("GET", `/workspaces/${id}/files`)).json.files).toEqual([]);
  });

  test("takes the lease from a cycle that runs", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const lease = await api.begin(id);
    await remove(id, "?force=true");
    expect(await lease.end({ outcome: "ok" })).toEqual({ kind: "lost" });
    expect((await api.ask("GET", `/workspaces/${id}`)).status).toBe(404);
  });

  test("ends a removal that nobody carries out", async () => {
    const id = await used();
    await remove(id);
    expect((await remove(id, "?force=true")).status).toBe(202);
    expect((await api.ask("GET", `/workspaces/${id}`)).status).toBe(404);
  });

  test("leaves nothing behind for the next of that name", async () => {
    const id = await used();
    await remove(id, "?force=true");
    const { status, json } = await api.ask("PUT", `/workspaces/${id}`, { body: {} });
    expect(status).toBe(201);
    expect(json).toMatchObject({ name: null, status: "offline", restart: { phase: "idle", generation: 0, why: [] } });
    expect(await api.activity(id)).toEqual([]);
    // Neither window, nor cooldown, nor idempotency key is the old one's.
    const asked = { headers: { "idempotency-key": "1" } };
    expect((await api.trigger(id, { source: "file-write" }, asked)).json).toMatchObject({ decision: "fired" });
  });
});

describe("while a workspace is being removed", () => {
  test.each([
    ["PUT", "", { name: "x" }],
    ["POST", "/pause", undefined],
    ["POST", "/resume", undefined],
    ["POST", "/hibernate", undefined],
    ["POST", "/wake", undefined],
    ["POST", "/restart", undefined],
    ["POST", "/restart", { force: true }],
    ["POST", "/flush", undefined],
    ["POST", "/hold", undefined],
    ["POST", "/release", undefined],
    ["POST", "/cancel", undefined],
    ["PUT", "/files", { files: {} }],
    ["PUT", "/files/b.txt", "lost"],
    ["DELETE", "/files/a.txt", undefined],
    ["POST", "/template", { files: {} }],
  ])("%s %s answers 409 with the rule removed", async (method, route, body) => {
    const id = await used();
    await remove(id);
    const { status, json } = await api.ask(method, `/workspaces/${id}${route}`, { body });
    expect({ status, json }).toMatchObject({ status: 409, json: { title: expect.any(String), rule: "removed" } });
  });

  test("no file is written any more, and what was there can still be read", async () => {
    const id = await used();
    await remove(id);
    await api.ask("PUT", `/workspaces/${id}/files/b.txt`, { body: "lost" });
    await expect(access(join(api.config.WORKSPACES_DIR, id, "b.txt"))).rejects.toThrow("ENOENT");
    expect((await api.ask("GET", `/workspaces/${id}/files/a.txt`)).text).toBe("text");
  });

  test("a trigger is refused, and the receipt says so", async () => {
    const id = await used();
    await remove(id);
    const { status, json } = await api.trigger(id, { source: "file-write" });
    expect({ status, json }).toMatchObject({
      status: 202,
      json: { decision: "refused", rule: "removed", dueAt: null },
    });
  });

  test("it is no parent for new children", async () => {
    const id = await used();
    await remove(id);
    const child = `child-${randomBytes(4).toString("hex")}`;
    const { status } = await api.ask("PUT", `/workspaces/${child}`, { token: TOKENS.admin, body: { parentId: id } });
    expect(status).toBe(400);
  });
});
