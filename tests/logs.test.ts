/** What a person finds with grep in the logs of several processes. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { test } from "./faults/support/bench.ts";
import type { Child, LogLine } from "./faults/support/child.ts";

const TOKEN = "admin-token-never-in-a-log";
const PASSPHRASE = "hunter2-hunter2-hunter2";

async function ask(api: Child, method: string, path: string, body?: unknown): Promise<Response> {
  const { url } = await api.logged(/listening/);
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "x-request-id": `req-${method}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

test("ten writes at two replicas: one line each, with the count of all that were suppressed", async ({ useBench }) => {
  const bench = useBench();
  const settings = { API_TOKENS: `ann:admin:${TOKEN}`, RESTART_PROFILE: "seed" };
  const apis = [bench.apiProcess(settings), bench.apiProcess(settings)] as const;
  await ask(apis[0], "PUT", "/workspaces/w", {});
  for (let i = 0; i < 10; i += 1) await ask(apis[(i % 2) as 0 | 1], "PUT", `/workspaces/w/files/f${i}`, { i });
  await apis[1].logged(/total suppressed=9;/);
  const decisions = apis.flatMap(({ log }) => log).filter((line) => line.decision !== undefined);
  expect(decisions).toHaveLength(10);
  for (const line of decisions) {
    expect(line).toMatchObject({
      workspaceId: "w",
      source: "file-write",
      actor: "ann",
      generation: expect.any(Number),
    });
    expect(line).toMatchObject({ rule: "window", reason: expect.stringMatching(/^wrote f\d$/), reqId: "req-PUT" });
  }
  const messages = decisions.map(({ msg }) => msg);
  expect(messages[0]).toBe("restart fired (window)");
  const seedsLine = /coalesced \(last fire [\d.]+s ago < 15s window; total suppressed=(\d+)/;
  const counted = messages.flatMap((msg) => seedsLine.exec(msg)?.[1] ?? []).map(Number);
  expect(counted.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a line for every step and for every verb, and no token nor secret of a spec in any", async ({ useBench }) => {
  const bench = useBench();
  const directory = await mkdtemp(join(tmpdir(), "logs-"));
  const start = join(directory, "start");
  await writeFile(start, `#!/bin/sh\necho "cannot log in with $PASSPHRASE"; exit 78\n`);
  await chmod(start, 0o755);
  const api = bench.apiProcess({ API_TOKENS: `ann:admin:${TOKEN}`, LOG_LEVEL: "trace" });
  const worker = bench.workerProcess({ PROVISIONER: "command", LOG_LEVEL: "trace" });
  const spec = { stop: ["true"], start: [start], env: { PASSPHRASE } };
  expect((await ask(api, "PUT", "/workspaces/w", { spec })).status).toBe(201);
  // Refused: what was sent must not be repeated in the log either.
  expect(
    (await ask(api, "PUT", "/workspaces/w", { spec: { ...spec, env: PASSPHRASE, token: PASSPHRASE }, x: PASSPHRASE }))
      .status,
  ).toBe(400);
  await ask(api, "POST", "/workspaces/w/restart", {});

  const ended = await worker.logged(/^cycle \S+ ended: failed$/);
  expect(ended.error).toBe(`workspace w: start: ${start} exited with 78: cannot log in with [redacted]`);
  const steps = worker.log.filter(({ step }) => step !== undefined);
  expect(steps.map(({ step }) => step)).toEqual(["stopping", "stopped", "starting", "start-failed"]);
  const fields = { workspaceId: "w", cycleId: expect.any(String), attempt: 1, fencingToken: expect.any(Number) };
  for (const line of steps) expect(line).toMatchObject({ ...fields, generation: expect.any(Number) });
  await ask(api, "POST", "/workspaces/w/hold", { reason: "look at it" });
  expect(await api.logged(/hold/)).toMatchObject({
    workspaceId: "w",
    actor: "ann",
    status: 202,
    msg: "POST /workspaces/w/hold: 202",
  });

  const all: LogLine[] = [...api.log, ...worker.log];
  expect(all.length).toBeGreaterThan(8);
  for (const line of all) expect(JSON.stringify(line)).not.toMatch(new RegExp(`${TOKEN}|${PASSPHRASE}`));
  await rm(directory, { recursive: true, force: true });
});
