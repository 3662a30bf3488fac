import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { API_TOKENS, ownPrefix, removeKeys, TOKENS, useApi } from "./support/api.ts";
import { send } from "./support/http.ts";
import { ApiProcess } from "./support/process.ts";

const api = useApi();
const authorization = `Bearer ${TOKENS.admin}`;

describe("an upload that breaks off", () => {
  test("leaves the old file, nothing staged and no trigger", async () => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "old" });
    const before = await api.state(id);
    const staged = () => readdir(join(api.config.WORKSPACES_DIR, ".staging"));

    const headers = { authorization, "content-length": 1_000_000 };
    const outgoing = request({
      host: "127.0.0.1",
      port: api.port,
      method: "PUT",
      path: `/workspaces/${id}/files/a`,
      headers,
    });
    outgoing.on("error", () => {});
    outgoing.write("half a");
    await vi.waitFor(async () => expect(await staged()).toHaveLength(1), { interval: 5, timeout: 10_000 });
    outgoing.destroy();

    await vi.waitFor(async () => expect(await staged()).toEqual([]), { interval: 5, timeout: 10_000 });
    expect((await api.ask("GET", `/workspaces/${id}/files/a`)).text).toBe("old");
    expect((await api.state(id)).restart).toEqual(before.restart);
  });
});

describe("a download that breaks off", () => {
  test("is a line in the log and nothing on standard error; the next request is answered", async () => {
    const prefix = ownPrefix();
    const directory = await mkdtemp(join(tmpdir(), "api-workspaces-"));
    const REDIS_URL = inject("redisUrl");
    const env = { REDIS_URL, RESTART_PREFIX: prefix, WORKSPACES_DIR: directory, PORT: "0", API_TOKENS };
    const process = new ApiProcess({ ...env, MAX_FILE_BYTES: "100000000" });
    onTestFinished(async () => {
      process.child.kill("SIGKILL");
      await process.ended;
      await removeKeys(REDIS_URL, prefix);
      await rm(directory, { recursive: true });
    });
    const port = await vi.waitFor(() => process.port ?? expect.fail(process.stderr), { timeout: 40_000, interval: 20 });
    const ask = (method: string, path: string, body?: Buffer | object) =>
      send(port, method, path, { token: TOKENS.admin, body: body as Buffer });
    await vi.waitFor(async () => expect((await ask("GET", "/readyz")).status).toBe(200), {
      interval: 20,
      timeout: 10_000,
    });
    await ask("PUT", "/workspaces/x", {});
    // More than fits into the buffers on the way.
    await ask("PUT", "/workspaces/x/files/large", Buffer.alloc(20_000_000));

    const path = "/workspaces/x/files/large";
    const incoming = request({ host: "127.0.0.1", port, path, headers: { authorization } })
      .on("error", () => {})
      .end();
    incoming.once("response", (response) => response.destroy());

    const told = () => process.log.find(({ msg }) => msg === "the request broke off");
    await vi.waitFor(() => expect(told()).toMatchObject({ level: 40, reqId: expect.any(String) }), {
      interval: 20,
      timeout: 10_000,
    });
    expect((await ask("GET", "/workspaces/x")).status).toBe(200);
    process.child.kill("SIGTERM");
    expect(await process.ended).toBe(0);
    expect(process.stderr).toBe("");
  }, 60_000);
});

describe("the id of a request", () => {
  test("is in the answer, good or bad", async () => {
    for (const path of ["/workspaces", "/healthz", "/nowhere", "/workspaces/.."]) {
      const { headers } = await api.ask("GET", path);
      expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("is the caller's, if that can be one", async () => {
    const idOf = async (given: string) =>
      (await api.ask("GET", "/healthz", { headers: { "x-request-id": given } })).headers["x-request-id"];
    expect(await idOf("trace-1.a_B")).toBe("trace-1.a_B");
    for (const given of ["", "a b", "a\u00fc", "x".repeat(65), '"}']) expect(await idOf(given)).not.toBe(given);
  });
});
