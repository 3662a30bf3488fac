/** What is owed when the policy file changes: what the state says is what happens. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";

const TOKEN = "a-token-of-this-test";
const HOUR_MS = 3_600_000;

/** Dates around now, so that they are quiet hours whatever the time. */
function quietHours(endsInMs: number): string {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 19);
  const windows = [{ from: at(-HOUR_MS), until: at(endsInMs) }];
  return JSON.stringify({ quietHours: { timeZone: "UTC", windows } });
}

function policyFile(content: string) {
  const directory = mkdtempSync(join(tmpdir(), "policy-reload-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "policy.json");
  const replace = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  replace(content);
  return { path, replace };
}

function clientOf(url: string) {
  return async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return (await answer.json()) as {
      rule?: string;
      restart: { phase: string; dueAt: string | null; lastCycle: unknown };
    };
  };
}

test("what waits for the end of quiet hours starts when a new file has none, and waits for those it has", async ({
  useBench,
}) => {
  const bench = useBench();
  const file = policyFile(quietHours(5 * HOUR_MS));
  const settings = { RESTART_POLICY_FILE: file.path };
  const api = bench.apiProcess({ ...settings, API_TOKENS: `ci:admin:${TOKEN}` });
  const worker = bench.workerProcess(settings);
  const ask = clientOf(String((await api.logged(/listening/)).url));
  await worker.logged(/takes restarts/);
  const ids = ["one", "two", "three"];
  for (const id of ids) {
    await ask("PUT", `/workspaces/${id}`, {});
    expect(await ask("POST", `/workspaces/${id}/triggers`, { source: "file-write" })).toMatchObject({
      rule: "quiet-hours",
    });
  }
  const dueIn = async (id: string) =>
    Date.parse((await ask("GET", `/workspaces/${id}`)).restart.dueAt ?? "") - Date.now();
  const wakeIn = async (id: string) =>
    Number(await bench.redis.zscore(bench.coordinator.installation.keys.forShard("due", 0), id)) - Date.now();
  expect(await wakeIn("one")).toBeGreaterThan(4 * HOUR_MS);

  // Sooner: what the state says is when somebody looks.
  file.replace(quietHours(2 * HOUR_MS));
  await eventually("what is owed has moved", async () => (await wakeIn("one")) < 3 * HOUR_MS);
  expect(Math.abs((await dueIn("one")) - (await wakeIn("one")))).toBeLessThan(5_000);
  expect(await bench.effects("one")).toEqual([]);

  // None at all: it starts, though no hint led there.
  file.replace("{}");
  for (const id of ids) await bench.effect(id, "end");
});
