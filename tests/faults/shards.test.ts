import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeySpace } from "@restart-coordinator/debounce";
import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";
import { startCluster } from "./support/cluster.ts";
import { serverBinary } from "./support/local-servers.ts";

const TOKEN = "a-token-of-this-test";
const IDS = Array.from({ length: 24 }, (_, i) => `w${i}`);
// No sweep within the test: each shard's own hints must be taken.
const HINTS_ALONE = { RESTART_SWEEP_MS: "3600000" };

describe("the number of shards", () => {
  test("is the installation's: a process that was told another one refuses to start, and says what to do", async ({
    useBench,
  }) => {
    const bench = useBench({ shards: 4 });
    await bench.worker();
    await expect(bench.worker({ SHARDS: "2" })).rejects.toThrow(/SHARDS is 2, but this installation has 4.*SHARDS=4/s);
    const api = bench.apiProcess({ SHARDS: "8", API_TOKENS: `ci:admin:${TOKEN}` });
    expect(await api.ended).toBe(1);
    expect(await bench.redis.get(bench.coordinator.installation.keys.shardCount)).toBe("4");
  });

  test("must have what WORKER_SHARDS names", async ({ useBench }) => {
    const bench = useBench({ shards: 4 });
    await expect(bench.worker({ WORKER_SHARDS: "0,3-4" })).rejects.toThrow(/WORKER_SHARDS: expected 0 to 3.*got 4/);
    await expect(bench.worker({ WORKER_SHARDS: "all" })).rejects.toThrow(/WORKER_SHARDS: expected shard numbers/);
  });
});

test("moves to another number the documented way, and loses nothing", async ({ useBench }) => {
  const [before, after] = [useBench({ shards: 1 }), useBench({ shards: 4 })];
  const ids = IDS.slice(0, 8);
  const settings = { API_TOKENS: `ci:admin:${TOKEN}`, WORKSPACES_DIR: join(tmpdir(), before.prefix) };
  const start = async (bench: typeof before) => {
    const api = bench.apiProcess(settings);
    return { api, ask: clientOf(String((await api.logged(/listening/)).url)) };
  };
  const fieldsOf = (id: string) => ({ name: `number ${id}`, tags: { team: "red" }, spec: { durationMs: 5 } });

  const old = await start(before);
  const oldWorker = await before.worker();
  for (const id of ids) await old.ask("PUT", `/workspaces/${id}`, fieldsOf(id));
  await old.ask("PUT", `/workspaces/${ids[1]}`, { parentId: ids[0] });
  for (const id of ids) await old.ask("PUT", `/workspaces/${id}/files`, { files: { "note.txt": id } });
  // What sends triggers stops; the workers finish, then stop.
  for (const id of ids) expect((await before.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
  expect((await before.coordinator.census()).phases).toMatchObject({ idle: ids.length });
  await oldWorker.stop();

  const fresh = await start(after);
  let cursor: string | null | undefined;
  do {
    const page: Page = await old.ask("GET", `/workspaces?limit=3${cursor ? `&cursor=${cursor}` : ""}`);
    for (const { id, name, runtime, tags, spec } of page.workspaces) {
      await fresh.ask("PUT", `/workspaces/${id}`, { name, runtime, tags, spec });
    }
    for (const { id, parentId } of page.workspaces) {
      if (parentId !== null) await fresh.ask("PUT", `/workspaces/${id}`, { parentId });
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  await old.api.stop();

  await after.worker();
  for (const id of ids) {
    expect(await fresh.ask("GET", `/workspaces/${id}`)).toMatchObject(fieldsOf(id));
    expect(await fresh.ask("GET", `/workspaces/${id}/files`)).toMatchObject({ files: [{ path: "note.txt" }] });
    await fresh.ask("POST", `/workspaces/${id}/triggers`, { source: "manual" });
  }
  expect(await fresh.ask("GET", `/workspaces/${ids[1]}`)).toMatchObject({ parentId: ids[0] });
  for (const id of ids) expect((await after.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
  expect(new Set(ids.map((id) => after.coordinator.installation.keys.shardOf(id))).size).toBeGreaterThan(1);
});

interface Page {
  readonly workspaces: readonly Readonly<Record<string, unknown>>[];
  readonly nextCursor: string | null;
}

/** Asks an API; anything but a good answer fails the test. */
function clientOf(url: string) {
  return async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const answer = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
    return JSON.parse(text);
  };
}

test("a worker takes the shards it was told, and no other", async ({ useBench }) => {
  const bench = useBench({ shards: 4, hints: false });
  const keys = createKeySpace(bench.prefix, 4);
  await Promise.all(IDS.map((id) => bench.coordinator.registry.register(id, {})));
  await Promise.all(IDS.map((id) => bench.coordinator.trigger(id, { source: "manual" })));
  const taken = IDS.filter((id) => keys.shardOf(id) !== 3);
  const left = IDS.filter((id) => keys.shardOf(id) === 3);
  expect(left.length).toBeGreaterThan(0);

  await bench.worker({ WORKER_SHARDS: "0-2" });
  for (const id of taken) expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
  for (const id of left) expect(await bench.state(id)).toMatchObject({ phase: "scheduled", lastCycle: undefined });
  // Another one comes; nobody is started again.
  await bench.worker({ WORKER_SHARDS: "3" });
  for (const id of left) expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
});

describe.skipIf(serverBinary === undefined)("on a Redis Cluster of three nodes, with several APIs and workers", () => {
  test("workers share the shards as they like, and one more joins while they run", async ({ useBench }) => {
    const cluster = await startCluster();
    const bench = useBench({ url: cluster.url, shards: 6 });
    const apis = [0, 1].map(() => bench.apiProcess({ API_TOKENS: `ci:admin:${TOKEN}` }));
    const workers = ["0-2", "2-4"].map((WORKER_SHARDS) => bench.workerProcess({ ...HINTS_ALONE, WORKER_SHARDS }));
    const urls = await Promise.all(apis.map(async (api) => (await api.logged(/listening/)).url));
    await Promise.all(workers.map((worker) => worker.logged(/takes restarts/)));
    const ask = async (i: number, method: string, path: string, body: unknown) => {
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const answer = await fetch(`${urls[i % 2]}${path}`, { method, headers, body: JSON.stringify(body) });
      return answer.status;
    };
    for (const [i, id] of IDS.entries()) expect(await ask(i, "PUT", `/workspaces/${id}`, {})).toBe(201);
    const trigger = (id: string, i: number) => ask(i, "POST", `/workspaces/${id}/triggers`, { source: "manual" });
    expect(await Promise.all(IDS.map(trigger))).toEqual(IDS.map(() => 202));

    const { shardOf } = bench.coordinator.installation.keys;
    for (const id of IDS.filter((each) => shardOf(each) !== 5)) {
      expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
    }
    const left = IDS.filter((id) => shardOf(id) === 5);
    for (const id of left) expect(await bench.state(id)).toMatchObject({ phase: "scheduled" });
    bench.workerProcess({ ...HINTS_ALONE, WORKER_SHARDS: "5" });
    for (const id of left) expect((await bench.settled(id)).lastCycle).toMatchObject({ outcome: "ok" });
    expect(await bench.ledger.entries()).toHaveLength(2 * IDS.length);
  });
});
