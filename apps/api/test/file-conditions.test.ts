import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { asProblem } from "../src/problem.ts";
import { useApi } from "./support/api.ts";

const api = useApi();
const at = (id: string, path: string) => `/workspaces/${id}/files/${path}`;
const put = (id: string, body: string | Buffer, headers: Readonly<Record<string, string>> = {}) =>
  api.ask("PUT", at(id, "a.txt"), { body, headers });
const get = (id: string, headers: Readonly<Record<string, string>> = {}) =>
  api.ask("GET", at(id, "a.txt"), { headers });
const place = (id: string) => join(api.config.WORKSPACES_DIR, id, "a.txt");
const onDisk = (id: string) => readFile(place(id), "utf8");
const etagOf = (content: string | Buffer) => `"${createHash("sha256").update(content).digest("base64url")}"`;

describe("what is only part of a file, or is encoded, does not replace the whole", () => {
  test.each(["bytes 0-3/8", "bytes 0-3/*", "nonsense"])("Content-Range: %s is 400", async (range) => {
    const id = await api.workspace();
    await put(id, "the whole");
    const { status, json } = await put(id, "part", { "content-range": range });
    expect({ status, fields: json.fields }).toEqual({
      status: 400,
      fields: [{ field: "Content-Range", message: "only a whole can be put here, not a part of it" }],
    });
    expect(await onDisk(id)).toBe("the whole");
  });

  test("a part of a set of files is 400, too", async () => {
    const id = await api.workspace();
    await put(id, "the whole");
    const headers = { "content-range": "bytes 0-1/2" };
    expect((await api.ask("PUT", `/workspaces/${id}/files`, { body: { files: {} }, headers })).status).toBe(400);
    expect(await onDisk(id)).toBe("the whole");
  });

  test.each(["gzip", "br", "identity, gzip", "nonsense"])("Content-Encoding: %s is 415", async (encoding) => {
    const id = await api.workspace();
    await put(id, "plain");
    const answer = await put(id, gzipSync("other"), { "content-encoding": encoding });
    expect(answer).toMatchObject({
      status: 415,
      json: { type: "encoded" },
      headers: { "accept-encoding": "identity" },
    });
    expect(await onDisk(id)).toBe("plain");
  });

  test("an encoding that changes nothing is taken", async () => {
    const id = await api.workspace();
    expect((await put(id, "plain", { "content-encoding": "identity" })).status).toBe(200);
  });
});

describe("the ETag", () => {
  test.each<[string, Buffer]>([
    ["of a small file", Buffer.from("hello")],
    ["of an empty one", Buffer.alloc(0)],
    ["of a large one", Buffer.alloc(300_000, "0123456789")],
  ])("%s is that of its content, from PUT and GET alike", async (_, content) => {
    const id = await api.workspace();
    expect((await put(id, content)).headers.etag).toBe(etagOf(content));
    const read = await get(id);
    expect(read.headers.etag).toBe(etagOf(content));
    expect(read.bytes.equals(content)).toBe(true);
  });

  test("is another once the file's own process has changed it in place", async () => {
    const id = await api.workspace();
    await put(id, "one");
    await writeFile(place(id), "two");
    expect((await get(id)).headers.etag).toBe(etagOf("two"));
  });
});

describe("a reader who has it already", () => {
  test("is answered 304 without the content, by ETag or by date", async () => {
    const id = await api.workspace();
    await put(id, "hello");
    const { headers } = await get(id);
    const conditions: Readonly<Record<string, string>>[] = [
      { "if-none-match": etagOf("hello") },
      { "if-none-match": `"other", W/${etagOf("hello")}` },
      { "if-modified-since": String(headers["last-modified"]) },
    ];
    for (const condition of conditions) {
      const answer = await get(id, condition);
      expect(answer).toMatchObject({ status: 304, text: "", headers: { etag: etagOf("hello") } });
    }
    expect((await get(id, { "if-none-match": '"other"' })).text).toBe("hello");
  });

  test("is answered 412 when it asks for another version than there is", async () => {
    const id = await api.workspace();
    await put(id, "hello");
    expect((await get(id, { "if-match": '"other"' })).status).toBe(412);
    expect((await get(id, { "if-match": etagOf("hello") })).text).toBe("hello");
  });
});

describe("a change is made only if its condition holds", () => {
  const LONG_AGO = new Date("2001-01-01T00:00:00Z");
  const holding: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["If-Match with its ETag", { "if-match": etagOf("old") }],
    ["If-Match with its ETag among others", { "if-match": `"x", ${etagOf("old")}` }],
    ["If-Match: *", { "if-match": "*" }],
    ["If-None-Match with another ETag", { "if-none-match": '"x"' }],
    ["If-Unmodified-Since its last change", { "if-unmodified-since": LONG_AGO.toUTCString() }],
    ["If-Unmodified-Since what is no date", { "if-unmodified-since": "yesterday" }],
    [
      "If-Match, and a date that does not count beside it",
      { "if-match": etagOf("old"), "if-unmodified-since": new Date(0).toUTCString() },
    ],
  ];
  const failing: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["If-Match with another ETag", { "if-match": '"x"' }],
    ["If-Match with a weak ETag", { "if-match": `W/${etagOf("old")}` }],
    ["If-None-Match: *", { "if-none-match": "*" }],
    ["If-None-Match with its ETag", { "if-none-match": etagOf("old") }],
    ["If-None-Match with its ETag as a weak one", { "if-none-match": `W/${etagOf("old")}` }],
    ["If-Unmodified-Since a time before its last change", { "if-unmodified-since": new Date(0).toUTCString() }],
    ["both conditions, one of which fails", { "if-match": etagOf("old"), "if-none-match": etagOf("old") }],
  ];
  const existing = async () => {
    const id = await api.workspace();
    await put(id, "old");
    await utimes(place(id), LONG_AGO, LONG_AGO);
    return id;
  };

  test.each(holding)("it holds: %s", async (_, headers) => {
    const id = await existing();
    expect((await put(id, "new", headers)).status).toBe(200);
    expect(await onDisk(id)).toBe("new");
    const other = await existing();
    expect((await api.ask("DELETE", at(other, "a.txt"), { headers })).status).toBe(200);
  });

  test.each(failing)("it does not: %s", async (_, headers) => {
    const id = await existing();
    const before = (await api.state(id)).restart.generation;
    expect(await put(id, "new", headers)).toMatchObject({ status: 412, json: { type: "changed" } });
    expect(await api.ask("DELETE", at(id, "a.txt"), { headers })).toMatchObject({ status: 412 });
    expect(await onDisk(id)).toBe("old");
    expect((await api.state(id)).restart.generation).toBe(before);
  });

  test("of a file that is not there: If-None-Match: * holds, If-Match never", async () => {
    const id = await api.workspace();
    expect((await put(id, "new", { "if-match": "*" })).status).toBe(412);
    expect((await put(id, "new", { "if-match": etagOf("new") })).status).toBe(412);
    expect((await put(id, "new", { "if-none-match": "*" })).status).toBe(200);
  });

  test("what changes while the body is on its way counts", async () => {
    const id = await existing();
    const headers = { authorization: `Bearer ${api.token}`, "if-match": etagOf("old"), expect: "100-continue" };
    const slow = request({ port: api.port, method: "PUT", path: at(id, "a.txt"), headers });
    slow.flushHeaders();
    await once(slow, "continue");
    slow.write("slow ");
    await put(id, "quick");
    slow.end("but sure");
    const [{ statusCode }] = (await once(slow, "response")) as [IncomingMessage];
    slow.destroy();
    expect(statusCode).toBe(412);
    expect(await onDisk(id)).toBe("quick");
  });

  test("a condition that is none is 400", async () => {
    const id = await existing();
    expect((await put(id, "new", { "if-match": "no-quotes" })).status).toBe(400);
    expect(await onDisk(id)).toBe("old");
  });

  test("where none is kept, a request with one is refused", async () => {
    const id = await existing();
    const headers = { "if-match": "*" };
    expect((await api.ask("PUT", `/workspaces/${id}/files`, { body: { files: {} }, headers })).status).toBe(412);
    expect((await api.ask("DELETE", `/workspaces/${id}`, { headers })).status).toBe(412);
    expect(await onDisk(id)).toBe("old");
  });
});

test("a full disk is 507, and says so", async () => {
  // A device that is always full: what the operating system says there is what a full disk says.
  const error = await writeFile("/dev/full", "x").catch((full: unknown) => full);
  expect(asProblem(error)?.details).toMatchObject({ type: "no-space", status: 507, title: "Insufficient storage" });
});
