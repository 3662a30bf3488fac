import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ReceiptBody, useApi } from "./support/api.ts";

interface ChangeBody {
  readonly path: string;
  readonly bytes: number;
  readonly restart: ReceiptBody;
}
interface ListBody {
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly modifiedAt: string }[];
}

const api = useApi();
const at = (id: string, path: string) => `/workspaces/${id}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
const put = (id: string, path: string, body: string | Buffer) => api.ask<ChangeBody>("PUT", at(id, path), { body });
const get = (id: string, path: string) => api.ask("GET", at(id, path));
const list = async (id: string) => (await api.ask<ListBody>("GET", `/workspaces/${id}/files`)).json.files;
const onDisk = (id: string, path: string) => readFile(join(api.config.WORKSPACES_DIR, id, path));

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe("a file comes back as it was sent", () => {
  test.each<[string, string, string | Buffer]>([
    ["text", "a.txt", "hello"],
    ["unicode", "a.txt", "Ünïcödé \u{1f525} 文件\r\n"],
    ["all bytes there are", "a.bin", ALL_BYTES],
    ["a megabyte", "a.bin", Buffer.alloc(1_048_576, ALL_BYTES)],
    ["nothing at all", "empty", ""],
    ["JSON that is none", "a.json", '{"a":'],
    ["a nested path", "src/deep/er/a.txt", "x"],
    ["a name with spaces and signs", "my file (1)+%&=?#;,'\"$@!~*[].txt", "x"],
    ["a name in other scripts", "ünï/文件/\u{1f525}.txt", "x"],
    ["a name with a line break", "a\nb", "x"],
    ["a hidden file", ".env", "x"],
    ["a name of dots", "...", "x"],
    ["a name like an object's own", "__proto__", "x"],
    ["a name with a percent escape in it", "a%2Fb", "x"],
    ["a long name", "x".repeat(255), "x"],
  ])("%s", async (_, path, content) => {
    const id = await api.workspace();
    const bytes = Buffer.byteLength(content);
    const written = await put(id, path, content);
    expect(written).toMatchObject({ status: 200, json: { path, bytes, restart: { source: "file-write" } } });
    const read = await get(id, path);
    expect(read.status).toBe(200);
    expect(read.bytes.equals(Buffer.from(content))).toBe(true);
    expect(read.headers["content-length"]).toBe(String(bytes));
    expect((await onDisk(id, path)).equals(Buffer.from(content))).toBe(true);
    expect(await list(id)).toEqual([{ path, bytes, modifiedAt: expect.any(String) }]);
  });

  test.each([
    "application/json",
    "text/html; charset=utf-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "nonsense",
  ])("whatever it calls itself: %s", async (type) => {
    const id = await api.workspace();
    const headers = { "content-type": type };
    expect((await api.ask("PUT", at(id, "a"), { body: '{"not":', headers })).status).toBe(200);
    expect((await get(id, "a")).text).toBe('{"not":');
  });

  test("and never as a page of this server", async () => {
    const id = await api.workspace();
    await put(id, "index.html", "<script>alert(1)</script>");
    const { headers } = await get(id, "index.html");
    expect(headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
      "last-modified": expect.any(String),
    });
  });
});

describe("GET", () => {
  test("of a file that is not there answers 404", async () => {
    const id = await api.workspace();
    for (const path of ["nothing", "no/such/path"]) {
      const { status, json } = await get(id, path);
      expect({ status, json }).toMatchObject({ status: 404, json: { type: "not-found", title: "Not found" } });
      expect(json.detail).toBe(`"${path}" does not exist`);
    }
  });

  test("HEAD tells the length alone", async () => {
    const id = await api.workspace();
    await put(id, "a", "12345");
    const { status, headers, bytes } = await api.ask("HEAD", at(id, "a"));
    expect({ status, length: headers["content-length"], bytes: bytes.length }).toEqual({
      status: 200,
      length: "5",
      bytes: 0,
    });
  });

  test("the list is sorted by path, and empty without files", async () => {
    const id = await api.workspace();
    expect(await list(id)).toEqual([]);
    for (const path of ["b", "a/b", "B", "a.txt"]) await put(id, path, "x");
    expect((await list(id)).map(({ path }) => path)).toEqual(["B", "a.txt", "a/b", "b"]);
    const [first] = await list(id);
    expect(new Date(first?.modifiedAt ?? "").toISOString()).toBe(first?.modifiedAt);
  });

  test("a workspace has its own files", async () => {
    const [one, two] = [await api.workspace(), await api.workspace()];
    await put(one, "a", "one");
    await put(two, "a", "two");
    expect([(await get(one, "a")).text, (await get(two, "a")).text]).toEqual(["one", "two"]);
  });
});

describe("DELETE", () => {
  const remove = (id: string, path: string) => api.ask<ChangeBody>("DELETE", at(id, path));

  test("removes the file, and the directories it leaves empty", async () => {
    const id = await api.workspace();
    await put(id, "a/b/c", "x");
    await put(id, "a/d", "x");
    const { status, json } = await remove(id, "a/b/c");
    expect(status).toBe(200);
    expect(json).toEqual({
      path: "a/b/c",
      restart: expect.objectContaining({ workspaceId: id, source: "file-write" }),
    });
    expect((await get(id, "a/b/c")).status).toBe(404);
    expect((await list(id)).map(({ path }) => path)).toEqual(["a/d"]);
    // The directory is gone: its name is free.
    expect((await put(id, "a/b", "x")).status).toBe(200);
  });

  test("of what is not there answers 404 and triggers nothing", async () => {
    const id = await api.workspace();
    const { status, json } = await remove(id, "nothing");
    expect({ status, json }).toMatchObject({ status: 404, json: { type: "not-found", detail: 'no file "nothing"' } });
    expect((await api.state(id)).restart.phase).toBe("idle");
  });
});

describe("what is in the way answers 409, changes nothing and triggers nothing", () => {
  test.each([
    ["PUT", "dir", '"dir" is a directory'],
    ["GET", "dir", '"dir" is not a file, but a directory'],
    ["DELETE", "dir", '"dir" is a directory'],
    ["PUT", "dir/file/below", '"dir/file" is not a directory'],
    ["GET", "dir/file/below", '"dir/file" is not a directory'],
    ["DELETE", "dir/file/below", '"dir/file" is not a directory'],
  ])("%s %s", async (method, path, detail) => {
    const id = await api.workspace();
    await put(id, "dir/file", "x");
    await api.cycle(id);
    const answer = await api.ask(method, at(id, path), { body: method === "PUT" ? "y" : undefined });
    expect(answer).toMatchObject({ status: 409, json: { type: "not-a-file", title: "Not a file", detail } });
    expect((await get(id, "dir/file")).text).toBe("x");
    expect((await api.state(id)).restart.why).toEqual([]);
  });
});

test("concurrent writes of one file leave one of them, whole", async () => {
  const id = await api.workspace();
  const contents = Array.from({ length: 10 }, (_, n) => Buffer.alloc(100_000, String(n)));
  const answers = await Promise.all(contents.map((content) => put(id, "a", content)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  const { bytes } = await get(id, "a");
  expect(contents.some((content) => content.equals(bytes))).toBe(true);
});
