import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ReceiptBody, TestApi } from "./support/api.ts";

interface SetBody {
  readonly template?: string | null;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly restart: ReceiptBody;
}

const TEMPLATES: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>> = {
  node: { "package.json": "{}", "src/index.js": "export {};\n", "logo.bin": Buffer.from([0, 255, 128]) },
  python: { "main.py": "" },
};

const api = new TestApi();
let templates = "";

beforeAll(async () => {
  templates = await mkdtemp(join(tmpdir(), "api-templates-"));
  for (const [name, files] of Object.entries(TEMPLATES)) {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(templates, name, path)), { recursive: true });
      await writeFile(join(templates, name, path), content);
    }
  }
  await mkdir(join(templates, "linked"));
  await symlink("/etc/passwd", join(templates, "linked", "passwd"));
  await api.start({ TEMPLATES_DIR: templates });
});
afterAll(async () => {
  await api.end();
  await rm(templates, { recursive: true });
});

const replace = (id: string, files: Record<string, unknown>) =>
  api.ask<SetBody>("PUT", `/workspaces/${id}/files`, { body: { files } });
const importing = (id: string, body: Record<string, unknown>) => api.post<SetBody>(id, "template", body);
const read = async (id: string, path: string) => (await api.ask("GET", `/workspaces/${id}/files/${path}`)).bytes;
const pathsOf = async (id: string) =>
  (await api.ask<SetBody>("GET", `/workspaces/${id}/files`)).json.files.map(({ path }) => path);

describe("PUT /workspaces/{id}/files", () => {
  test("makes these the only files: texts, and any bytes as base64", async () => {
    const id = await api.workspace();
    await replace(id, { old: "x", "kept/a": "old", "gone/b": "x" });
    const bytes = Buffer.from([0, 1, 254, 255]);
    const { status, json } = await replace(id, {
      "kept/a": "ü",
      "new/c": { base64: bytes.toString("base64") },
      empty: "",
      nothing: { base64: "" },
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      files: [
        { path: "kept/a", bytes: 2, changed: true },
        { path: "new/c", bytes: 4, changed: true },
        { path: "empty", bytes: 0, changed: true },
        { path: "nothing", bytes: 0, changed: true },
      ],
      restart: expect.objectContaining({ workspaceId: id, source: "file-write" }),
    });
    expect(await pathsOf(id)).toEqual(["empty", "kept/a", "new/c", "nothing"]);
    expect([(await read(id, "kept/a")).toString(), await read(id, "new/c")]).toEqual(["ü", bytes]);
  });

  test("with none removes all, and that is a change, too", async () => {
    const id = await api.workspace();
    await replace(id, { a: "x" });
    const { status, json } = await replace(id, {});
    expect({ status, json }).toMatchObject({ status: 200, json: { files: [], restart: { source: "file-write" } } });
    expect(await pathsOf(id)).toEqual([]);
  });

  test("puts a file where a directory was, and a directory where a file was", async () => {
    const id = await api.workspace();
    await replace(id, { "dir/a": "x", file: "x" });
    expect((await replace(id, { dir: "now a file", "file/b": "now a directory" })).status).toBe(200);
    expect(await pathsOf(id)).toEqual(["dir", "file/b"]);
  });

  test("says in the why how many there were", async () => {
    const id = await api.workspace();
    await replace(id, { a: "", b: "" });
    expect((await api.state(id)).restart.why[0]?.reasons).toEqual(["replaced all files (2)"]);
  });
});

describe("POST /workspaces/{id}/template", () => {
  test("writes a named template over the files, leaving the others", async () => {
    const id = await api.workspace();
    await replace(id, { "package.json": "old", "mine.txt": "mine" });
    const { status, json } = await importing(id, { name: "node" });
    expect(status).toBe(200);
    expect(json.template).toBe("node");
    expect([...json.files].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: "logo.bin", bytes: 3, changed: true },
      { path: "package.json", bytes: 2, changed: true },
      { path: "src/index.js", bytes: 11, changed: true },
    ]);
    expect(json.restart).toMatchObject({ workspaceId: id, source: "template-import", decision: "coalesced" });
    expect(await pathsOf(id)).toEqual(["logo.bin", "mine.txt", "package.json", "src/index.js"]);
    expect(await read(id, "logo.bin")).toEqual(TEMPLATES.node?.["logo.bin"]);
    expect((await read(id, "mine.txt")).toString()).toBe("mine");
  });

  test("writes inline files over them", async () => {
    const id = await api.workspace();
    const { json } = await importing(id, { files: { a: "text", b: { base64: "AAE=" } } });
    expect(json).toMatchObject({ template: null, restart: { source: "template-import", decision: "fired" } });
    expect([(await read(id, "a")).toString(), await read(id, "b")]).toEqual(["text", Buffer.from([0, 1])]);
  });

  test("says in the why what was imported", async () => {
    const id = await api.workspace();
    await importing(id, { name: "python" });
    await importing(id, { files: { more: "" } });
    expect([...((await api.state(id)).restart.why[0]?.reasons ?? [])].sort()).toEqual([
      "imported inline files (1)",
      "imported template python (1)",
    ]);
  });

  test("of an unknown name answers 404, says which there are and triggers nothing", async () => {
    const id = await api.workspace();
    const { status, json } = await api.post(id, "template", { name: "rust" });
    expect({ status, json }).toMatchObject({ status: 404, json: { type: "not-found", title: "Not found" } });
    expect(json.detail).toBe('no template "rust": there are linked, node, python');
    expect((await api.state(id)).restart.phase).toBe("idle");
  });

  test.each(["..", "../node", "node/src", ".hidden", "", "a b", "x".repeat(128 + 1)])(
    "%j is no name: 400",
    async (name) => {
      expect((await api.post(await api.workspace(), "template", { name })).status).toBe(400);
    },
  );

  test("a template that is more than plain files is refused", async () => {
    const id = await api.workspace();
    const { status, json } = await api.post(id, "template", { name: "linked" });
    expect({ status, json }).toMatchObject({ status: 409, json: { type: "not-a-file" } });
    expect(await pathsOf(id)).toEqual([]);
  });

  test("does not put a file where a directory is: 409, and nothing is written", async () => {
    const id = await api.workspace();
    await replace(id, { "dir/a": "x" });
    expect((await importing(id, { files: { b: "x", dir: "x" } })).status).toBe(409);
    expect(await pathsOf(id)).toEqual(["dir/a"]);
  });
});
