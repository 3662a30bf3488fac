import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TOKENS, useApi } from "./support/api.ts";

const MOST = 1_000;
const MIB = 1024 * 1024;
const small = useApi({ settings: { MAX_FILE_BYTES: MOST } });
const large = useApi();

function filesOf(count: number, content: unknown = ""): Record<string, unknown> {
  return { files: Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, content])) };
}

const tooLarge = (detail: string) => ({ status: 413, json: { status: 413, title: "Too large", detail } });

describe("a file", () => {
  test("may have as many bytes as are allowed, and not one more", async () => {
    const id = await small.workspace();
    const put = (bytes: number) => small.ask("PUT", `/workspaces/${id}/files/a`, { body: Buffer.alloc(bytes, "x") });
    expect((await put(MOST)).status).toBe(200);
    expect(await put(MOST + 1)).toMatchObject(tooLarge('"a" has more than 1000 bytes'));
    expect((await small.ask("GET", `/workspaces/${id}/files/a`)).bytes).toHaveLength(MOST);
    expect(await readdir(join(small.config.WORKSPACES_DIR, ".staging"))).toEqual([]);
  });

  test("far too large is answered while it is still being sent", async () => {
    const id = await small.workspace();
    const answer = await small.ask("PUT", `/workspaces/${id}/files/a`, { body: Buffer.alloc(20 * MIB) });
    expect(answer).toMatchObject(tooLarge('"a" has more than 1000 bytes'));
    expect(answer.headers.connection).toBe("close");
  });

  test("that does not say its length is cut off all the same", async () => {
    const id = await small.workspace();
    const headers = { authorization: `Bearer ${TOKENS.trigger}`, "transfer-encoding": "chunked" };
    const path = `/workspaces/${id}/files/a`;
    const status = await new Promise((resolve, reject) => {
      const outgoing = request({ host: "127.0.0.1", port: small.port, method: "PUT", path, headers }, (response) => {
        resolve(response.resume().statusCode);
      });
      outgoing.once("error", reject);
      outgoing.write(Buffer.alloc(MOST));
      outgoing.end("!");
    });
    expect(status).toBe(413);
    expect(await small.state(id)).toMatchObject({ restart: { phase: "idle", why: [] } });
  });

  test.each([
    ["PUT", "files"],
    ["POST", "template"],
  ])("in a set is no exception: %s %s", async (method, route) => {
    const id = await small.workspace();
    const put = (content: unknown) => small.ask(method, `/workspaces/${id}/${route}`, { body: filesOf(1, content) });
    expect((await put("x".repeat(MOST))).status).toBe(200);
    expect(await put("x".repeat(MOST + 1))).toMatchObject(tooLarge('"f0" has more than 1000 bytes'));
    // Counted as bytes, not as characters.
    expect((await put("ü".repeat(MOST / 2 + 1))).status).toBe(413);
    const base64 = Buffer.alloc(MOST + 1).toString("base64");
    expect((await put({ base64 })).status).toBe(413);
  });
});

describe("a set", () => {
  test.each([
    ["PUT", "files"],
    ["POST", "template"],
  ])("may have 200 files, and not one more: %s %s", async (method, route) => {
    const id = await large.workspace();
    const ask = (count: number) => large.ask(method, `/workspaces/${id}/${route}`, { body: filesOf(count) });
    expect(await ask(201)).toMatchObject({
      status: 413,
      json: { type: "too-many-files", title: "Too many files", detail: "201 files: at most 200 are accepted at once" },
    });
    expect((await ask(200)).status).toBe(200);
    const listed = await large.ask<{ files: unknown[] }>("GET", `/workspaces/${id}/files`);
    expect(listed.json.files).toHaveLength(200);
  });

  test("may have 50 MiB in all", async () => {
    const id = await large.workspace();
    const answer = await large.ask("PUT", `/workspaces/${id}/files`, { body: filesOf(6, "x".repeat(9 * MIB)) });
    expect(answer).toMatchObject(tooLarge(`${54 * MIB} bytes in all: at most ${50 * MIB} are accepted at once`));
  });

  test("is not even read when it cannot be small enough", async () => {
    const id = await large.workspace();
    const headers = { "content-type": "application/json", "content-length": String(73 * MIB) };
    const answer = await large.ask("PUT", `/workspaces/${id}/files`, { headers });
    expect(answer).toMatchObject(tooLarge(`the body has more than ${72 * MIB} bytes`));
  });
});

test.each([
  ["PUT", "/workspaces/x"],
  ["POST", "/workspaces/x/triggers"],
  ["POST", "/workspaces/x/pause"],
  ["DELETE", "/workspaces/x"],
])("any other JSON body may have 256 KiB: %s %s", async (method, path) => {
  const body = { padding: "x".repeat(256 * 1024) };
  expect(await large.ask(method, path, { body })).toMatchObject(tooLarge("the body has more than 262144 bytes"));
  const chunked = { "content-type": "application/json", "transfer-encoding": "chunked" };
  const sent = await large.ask(method, path, { body: JSON.stringify(body), headers: chunked });
  expect(sent).toMatchObject({ status: 413, json: { title: "Too large" } });
});

test("without a token nobody gets so far", async () => {
  const body = Buffer.alloc(20 * MIB);
  const answer = await small.ask("PUT", "/workspaces/x/files/a", { body, token: "unknown-token-0123456789" });
  expect(answer.status).toBe(401);
});
