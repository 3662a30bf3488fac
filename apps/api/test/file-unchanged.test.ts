import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ReceiptBody, useApi } from "./support/api.ts";

const api = useApi();
const replica = useApi({ beside: () => api });
const seed = useApi({ settings: { RESTART_PROFILE: "seed" } });

interface Written {
  readonly path: string;
  readonly changed: boolean;
  readonly restart: ReceiptBody;
}
interface WrittenSet {
  readonly files: readonly { readonly path: string; readonly changed: boolean }[];
  readonly restart: ReceiptBody;
}
const put = (id: string, path: string, body: string | Buffer, at = api) =>
  at.ask<Written>("PUT", `/workspaces/${id}/files/${path}`, { body });
const replaceAll = (id: string, files: Readonly<Record<string, string>>, at = api) =>
  at.ask<WrittenSet>("PUT", `/workspaces/${id}/files`, { body: { files } });
const importFiles = (id: string, files: Readonly<Record<string, string>>) =>
  api.ask<WrittenSet>("POST", `/workspaces/${id}/template`, { body: { files } });
const place = (id: string, path: string) => join(api.config.WORKSPACES_DIR, id, path);
const LONG_AGO = new Date("2001-01-01T00:00:00Z");
const UNCHANGED = { decision: "dropped", rule: "unchanged" };
const generationOf = async (id: string) => (await api.state(id)).restart.generation;

describe("the same bytes restart nothing", () => {
  test.each([
    ["a small file", "hello"],
    ["an empty one", ""],
    ["one that comes as a stream", Buffer.alloc(300_000, "0123456789")],
  ])("%s, whichever replica is asked", async (_, content) => {
    const id = await api.workspace();
    expect((await put(id, "a", content)).json).toMatchObject({ changed: true, restart: { decision: "fired" } });
    await utimes(place(id, "a"), LONG_AGO, LONG_AGO);
    const before = await generationOf(id);
    for (const at of [api, replica]) {
      expect((await put(id, "a", content, at)).json).toMatchObject({ changed: false, restart: UNCHANGED });
    }
    expect((await stat(place(id, "a"))).mtime).toEqual(LONG_AGO);
    expect(await generationOf(id)).toBe(before);
  });

  test("another content of the same length is a change", async () => {
    const id = await api.workspace();
    await put(id, "a", "one");
    expect((await put(id, "a", "two")).json).toMatchObject({ changed: true, restart: { rule: "pending" } });
    expect(await readFile(place(id, "a"), "utf8")).toBe("two");
  });

  test("what its own process changed since is written again, and restarts", async () => {
    const id = await api.workspace();
    await put(id, "a", "one");
    await writeFile(place(id, "a"), "its own");
    expect((await put(id, "a", "one")).json).toMatchObject({ changed: true, restart: { decision: "coalesced" } });
    expect(await readFile(place(id, "a"), "utf8")).toBe("one");
  });

  test("of a set, only what differs is written; nothing, where nothing does", async () => {
    const id = await api.workspace();
    await replaceAll(id, { a: "1", "d/b": "2" });
    await utimes(place(id, "a"), LONG_AGO, LONG_AGO);
    const partly = await replaceAll(id, { a: "1", "d/b": "3" });
    expect(partly.json).toMatchObject({
      files: [
        { path: "a", changed: false },
        { path: "d/b", changed: true },
      ],
      restart: { decision: "coalesced" },
    });
    expect((await stat(place(id, "a"))).mtime).toEqual(LONG_AGO);
    const again = await replaceAll(id, { a: "1", "d/b": "3" }, replica);
    expect(again.json).toMatchObject({ files: [{ changed: false }, { changed: false }], restart: UNCHANGED });
    expect((await replaceAll(id, { a: "1" })).json.restart, "a file less is a change").toMatchObject({
      rule: "pending",
    });
    expect((await replaceAll(id, { a: "1" })).json.restart).toMatchObject(UNCHANGED);
  });

  test("of a template imported over them", async () => {
    const id = await api.workspace();
    await put(id, "own", "stays");
    expect((await importFiles(id, { a: "1" })).json.restart.decision).toBe("coalesced");
    expect((await importFiles(id, { a: "1" })).json.restart).toMatchObject({ source: "template-import", ...UNCHANGED });
  });

  test("only the files that changed are told as the reason", async () => {
    const id = await api.workspace();
    await replaceAll(id, { a: "1", b: "2" });
    await api.cycle(id);
    await replaceAll(id, { a: "1", b: "3" });
    expect((await api.state(id)).restart.why).toMatchObject([{ source: "file-write", files: ["b"] }]);
  });

  test("what was dropped by policy asks anew when it is saved again", async () => {
    const id = await seed.workspace();
    await put(id, "a", "1", seed);
    for (const _ of ["first", "again"]) {
      expect((await put(id, "b", "2", seed)).json.restart).toMatchObject({ decision: "dropped", rule: "window" });
    }
    expect((await put(id, "a", "1", seed)).json.restart).toMatchObject(UNCHANGED);
  });

  test("leaves nothing behind in Redis", async () => {
    const id = await api.workspace();
    await put(id, "a", "1");
    await put(id, "a", "1");
    await replaceAll(id, {});
    expect((await api.keys()).filter((key) => key.includes("unsettled"))).toEqual([]);
  });
});

describe("a conditional write is alone at its path", () => {
  test("of many with the same condition, at two replicas, one is carried out", async () => {
    const id = await api.workspace();
    const { headers } = await put(id, "a", "old");
    const condition = { "if-match": String(headers.etag) };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        (i % 2 ? api : replica).ask("PUT", `/workspaces/${id}/files/a`, { body: `new ${i}`, headers: condition }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 412)]);
  });

  test("and of many that would make a file", async () => {
    const id = await api.workspace();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        (i % 2 ? api : replica).ask("PUT", `/workspaces/${id}/files/a`, {
          body: `new ${i}`,
          headers: { "if-none-match": "*" },
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});
