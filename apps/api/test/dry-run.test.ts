import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";

const api = useApi();

interface Foreseen {
  readonly restart: { readonly decision: string; readonly rule: string; readonly action: string };
  readonly changed?: boolean;
}

/** What a workspace has, in Redis and on disk. */
async function standOf(id: string) {
  const keys = (await api.keys()).filter((key) => key.endsWith(`:${id}`) || key.endsWith(":events"));
  const dumps = await Promise.all(keys.map((key) => api.redis.dumpBuffer(key)));
  const directory = join(api.config.WORKSPACES_DIR, id);
  const names = (await readdir(directory, { recursive: true }).catch(() => [])).sort();
  const files = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
  const staged = await readdir(join(api.config.WORKSPACES_DIR, ".staging"));
  return { keys, dumps: dumps.map((dump) => dump.toString("hex")), names, files, staged };
}

const ASKED: readonly (readonly [string, string, string, string | Record<string, unknown> | undefined])[] = [
  ["a write of something new", "PUT", "files/a", "new"],
  ["a large one", "PUT", "files/a", "0123456789".repeat(20_000)],
  ["a removal", "DELETE", "files/a", undefined],
  ["a set in place of all files", "PUT", "files", { files: { b: "x" } }],
  ["a template", "POST", "template", { files: { a: "x" } }],
];

describe("a dry run tells what would be decided, and changes nothing", () => {
  test.each(ASKED)("%s", async (_, method, path, body) => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "old" });
    const before = await standOf(id);
    const { status, json } = await api.ask<Foreseen>(method, `/workspaces/${id}/${path}?dryRun=true`, { body });
    expect(status).toBe(200);
    expect(json.restart).toMatchObject({ decision: "coalesced", rule: "pending", action: "restart" });
    expect(json.restart).not.toHaveProperty("triggerId");
    expect(await standOf(id)).toEqual(before);
    const real = await api.ask<Foreseen>(method, `/workspaces/${id}/${path}`, { body });
    expect(real.json.restart).toMatchObject({ decision: json.restart.decision, rule: json.restart.rule });
  });

  test("the same bytes", async () => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "old" });
    const before = await standOf(id);
    for (const [method, path, body] of [
      ["PUT", "files/a", "old"],
      ["PUT", "files", { files: { a: "old" } }],
    ] as const) {
      const { json } = await api.ask<Foreseen>(method, `/workspaces/${id}/${path}?dryRun=true`, { body });
      expect(json.restart).toMatchObject({ decision: "dropped", rule: "unchanged", action: "none", dueAt: null });
    }
    expect(await standOf(id)).toEqual(before);
  });

  test("a trigger", async () => {
    const id = await api.workspace();
    const before = await standOf(id);
    const ask = (source: string, at = id) =>
      api.ask("POST", `/workspaces/${at}/triggers?dryRun=true`, { body: { source } });
    expect(await ask("file-write")).toMatchObject({ status: 200, json: { decision: "fired", action: "restart" } });
    const secret = await ask("secret-change");
    expect(secret.json).toMatchObject({ decision: "coalesced", rule: "window", dueAt: expect.any(String) });
    expect(await standOf(id)).toEqual(before);
    expect((await ask("no-such-source")).status).toBe(400);
    expect((await ask("file-write", "nobody")).status).toBe(404);
  });

  test("what could not be done is refused as ever", async () => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "old" });
    const ask = (method: string, path: string, asked = {}) =>
      api.ask(method, `/workspaces/${id}/${path}${path.includes("?") ? "&" : "?"}dryRun=true`, asked);
    expect((await ask("DELETE", "files/none")).status).toBe(404);
    expect((await ask("PUT", "files/a/b", { body: "x" })).status).toBe(409);
    expect((await ask("PUT", "files/a", { body: "x", headers: { "if-match": '"other"' } })).status).toBe(412);
    expect((await ask("PUT", "files/a", { body: "x".repeat(api.config.MAX_FILE_BYTES + 1) })).status).toBe(413);
    const maybe = await api.ask("PUT", `/workspaces/${id}/files/a?dryRun=maybe`, { body: "x" });
    expect(maybe.status).toBe(400);
  });
});
