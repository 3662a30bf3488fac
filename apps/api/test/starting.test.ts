import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiEnvironment, apiEnvironment, ConfigurationError } from "@restart-coordinator/service";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { startApi } from "../src/server.ts";
import { API_TOKENS, ownPrefix, removeKeys, TOKENS } from "./support/api.ts";
import { send } from "./support/http.ts";
import { ApiProcess } from "./support/process.ts";

const prefix = ownPrefix();
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "api-workspaces-"));
});
afterAll(async () => {
  await removeKeys(inject("redisUrl"), prefix);
  await rm(directory, { recursive: true, force: true });
});

function settings(more: Partial<ApiEnvironment> = {}): ApiEnvironment {
  const env = { REDIS_URL: inject("redisUrl"), RESTART_PREFIX: prefix, WORKSPACES_DIR: directory };
  return { ...apiEnvironment.parse({ ...env, LOG_LEVEL: "silent", PORT: "0" }), ...more };
}

/** Starts an API that the test's end stops; tells what it printed to standard error meanwhile. */
async function started(config: ApiEnvironment) {
  let stderr = "";
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  onTestFinished(() => write.mockRestore());
  const api = await startApi(config);
  onTestFinished(() => api.service.stop());
  return { ...api, stderr };
}

const status = async (port: number, token: string) => (await send(port, "GET", "/workspaces", { token })).status;

describe("without API_TOKENS", () => {
  test("a token is made up and printed once, for the person at this machine", async () => {
    const { port, stderr } = await started(settings());
    const [, secret = ""] = /^No API_TOKENS: use this token until I stop: (\S{32})\n$/.exec(stderr) ?? [];
    await vi.waitFor(async () => expect(await status(port, secret)).toBe(200), { interval: 10, timeout: 10_000 });
    expect(await status(port, "another-token-0123456789")).toBe(401);
  });

  test.each(["127.0.0.1", "127.0.0.2", "localhost"])("it listens on loopback: %s", async (HOST) => {
    expect((await started(settings({ HOST }))).port).toBeGreaterThan(0);
  });

  test.each(["0.0.0.0", "::", "10.0.0.1", "api.example.org", "127.example.org", "localhost.example.org", "1270.0.0.1"])(
    "it does not start where others can reach it: %s",
    async (HOST) => {
      const start = startApi(settings({ HOST }));
      await expect(start).rejects.toBeInstanceOf(ConfigurationError);
      await expect(start).rejects.toThrow(
        `HOST is ${HOST}, which others can reach, but there are no API_TOKENS: set name:scope:token, or listen on 127.0.0.1`,
      );
    },
  );
});

test("with API_TOKENS it listens anywhere, and prints no token", async () => {
  const { port, stderr } = await started(settings({ API_TOKENS, HOST: "0.0.0.0" }));
  expect(stderr).toBe("");
  await vi.waitFor(async () => expect(await status(port, TOKENS.read)).toBe(200), { interval: 10, timeout: 10_000 });
});

test("a port that is taken is told in plain words, and nothing stays open", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await vi.waitFor(() => expect(taken.address()).not.toBeNull(), { timeout: 10_000 });
  const { port } = taken.address() as { port: number };
  const sockets = () => process.getActiveResourcesInfo().filter((what) => what.startsWith("TCPSocket")).length;
  const before = sockets();
  const start = startApi(settings({ PORT: port, API_TOKENS }));
  await expect(start).rejects.toBeInstanceOf(ConfigurationError);
  await expect(start).rejects.toThrow(`PORT ${port} on 127.0.0.1 is taken: choose another`);
  await vi.waitFor(() => expect(sockets()).toBe(before), { timeout: 10_000 });
});

test("it starts while Redis is away, and says that it is not ready", async () => {
  const { port } = await started(settings({ REDIS_URL: "redis://127.0.0.1:1", API_TOKENS }));
  expect((await send(port, "GET", "/healthz", {})).status).toBe(200);
  expect((await send(port, "GET", "/readyz", {})).status).toBe(503);
});

describe("as a process", () => {
  const env = () => ({ REDIS_URL: inject("redisUrl"), RESTART_PREFIX: prefix, WORKSPACES_DIR: directory, PORT: "0" });

  test("its log tells every decision and no token; SIGTERM ends it with code 0", async () => {
    const api = new ApiProcess({ ...env(), API_TOKENS, LOG_LEVEL: "trace" });
    onTestFinished(() => void api.child.kill("SIGKILL"));
    const port = await vi.waitFor(() => api.port ?? expect.fail(api.stderr), { timeout: 40_000, interval: 20 });
    const ask = (method: string, path: string, token: string, body?: object | string) =>
      send(port, method, path, { token, body: body as Record<string, unknown> });
    await vi.waitFor(async () => expect((await send(port, "GET", "/readyz", {})).status).toBe(200), {
      interval: 20,
      timeout: 10_000,
    });
    await ask("PUT", "/workspaces/logged", TOKENS.admin, {});
    await ask("POST", "/workspaces/logged/triggers", TOKENS.trigger, { source: "file-write" });
    await ask("PUT", "/workspaces/logged/files/a.txt", TOKENS.trigger, "text");
    await ask("POST", "/workspaces/logged/restart", TOKENS.operate, {});
    await ask("PUT", "/workspaces/logged", TOKENS.read, {});
    await ask("GET", "/workspaces", "wrong-token-0123456789");
    api.child.kill("SIGTERM");

    expect(await api.ended).toBe(0);
    expect(api.stderr).toBe("");
    for (const token of [...Object.values(TOKENS), "wrong-token-0123456789"]) expect(api.stdout).not.toContain(token);
    const decisions = api.log.filter(({ decision }) => decision !== undefined);
    expect(decisions).toMatchObject([
      { workspaceId: "logged", source: "file-write", decision: "fired", rule: "window" },
      { workspaceId: "logged", source: "file-write", decision: "coalesced", rule: "pending" },
      { workspaceId: "logged", source: "manual", decision: "coalesced", rule: "pending" },
    ]);
    for (const line of decisions)
      expect(line).toMatchObject({ generation: expect.any(Number), reqId: expect.any(String) });
    expect(api.log.slice(-2).map(({ msg }) => msg)).toEqual(["stopping", "stopped"]);
  }, 60_000);

  test("a configuration that cannot work ends it with code 1 and plain words, without a token", async () => {
    const api = new ApiProcess({ ...env(), PORT: "http", API_TOKEN: API_TOKENS, REDIS_URL: "redis://:hunter2@x" });
    expect(await api.ended).toBe(1);
    expect(api.stdout).toBe("");
    expect(api.stderr.split("\n")).toEqual([
      "the configuration cannot work:",
      "  - unknown variable API_TOKEN: did you mean API_TOKENS?",
      expect.stringMatching(/^ {2}- PORT: .*, got "http"$/),
      "",
    ]);
  }, 60_000);
});
