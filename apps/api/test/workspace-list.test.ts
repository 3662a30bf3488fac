import { beforeAll, describe, expect, test } from "vitest";
import { type TestApi, useApi, type WorkspaceBody } from "./support/api.ts";

interface Page {
  readonly workspaces: readonly WorkspaceBody[];
  readonly nextCursor: string | null;
}

const api = useApi();
const sharded = useApi({ settings: { SHARDS: 4 } });
const empty = useApi();
const fewer = useApi();
const IDS = Array.from({ length: 57 }, (_, n) => `${["a", "B", "_", "0"][n % 4]}-${n}`);
/** By bytes, as Redis sorts. */
const SORTED = [...IDS].sort((a, b) => (a < b ? -1 : 1));
const HELD = SORTED.filter((_, n) => n % 5 === 3);

beforeAll(async () => {
  for (const each of [api, sharded]) {
    await Promise.all(IDS.map((id) => each.ask("PUT", `/workspaces/${id}`, { body: { name: `n ${id}` } })));
    await Promise.all(HELD.map((id) => each.post(id, "hold")));
  }
  for (const id of ["a", "b", "c", "d", "e"]) await fewer.ask("PUT", `/workspaces/${id}`, { body: {} });
});

/** All pages one after the other; each cursor leads to the next. */
async function pages(of: TestApi, query: string): Promise<Page[]> {
  const found: Page[] = [];
  let cursor = "";
  do {
    const { status, json } = await of.ask<Page>("GET", `/workspaces?${query}${cursor}`);
    expect(status).toBe(200);
    found.push(json);
    cursor = `&cursor=${json.nextCursor}`;
    // More pages than workspaces: it goes round in circles.
    expect(found.length).toBeLessThan(IDS.length + 2);
  } while (found.at(-1)?.nextCursor !== null);
  return found;
}

const idsOf = (found: readonly Page[]) => found.flatMap(({ workspaces }) => workspaces.map(({ id }) => id));

test("without workspaces there is an empty page", async () => {
  expect((await empty.ask("GET", "/workspaces")).json).toEqual({ workspaces: [], nextCursor: null });
});

test("each entry is the full state", async () => {
  const { json } = await api.ask<Page>("GET", "/workspaces?limit=1");
  expect(json.workspaces[0]).toEqual(await api.state(SORTED[0] ?? ""));
});

test("a page has 50 unless asked otherwise", async () => {
  const { json } = await api.ask<Page>("GET", "/workspaces");
  expect(json.workspaces).toHaveLength(50);
  expect(json.nextCursor).toBe(SORTED[49]);
});

describe.each([
  ["one shard", () => api],
  ["several shards", () => sharded],
] as const)("on %s", (_, of) => {
  test.each([1, 7, 56, 57, 58, 200])("pages of %i lead through all of them, each once and in order", async (limit) => {
    const found = await pages(of(), `limit=${limit}`);
    expect(idsOf(found)).toEqual(SORTED);
    for (const { workspaces } of found.slice(0, -1)) expect(workspaces).toHaveLength(limit);
  });

  test.each([1, 2, 5, 11, 12, 200])("with a phase, pages of %i lead through those in it", async (limit) => {
    const found = await pages(of(), `limit=${limit}&phase=held`);
    expect(idsOf(found)).toEqual(HELD);
    for (const { workspaces } of found) expect(workspaces.length).toBeLessThanOrEqual(limit);
  });
});

test.each(["scheduled", "running", "backoff", "failed"])("nobody is in the phase %s", async (phase) => {
  expect(idsOf(await pages(api, `phase=${phase}`))).toEqual([]);
});

test("a cursor need not be a workspace (any more)", async () => {
  const { json } = await api.ask<Page>("GET", "/workspaces?limit=3&cursor=B");
  expect(idsOf([json])).toEqual(SORTED.filter((id) => id > "B").slice(0, 3));
  expect((await api.ask<Page>("GET", "/workspaces?cursor=zzz")).json).toEqual({ workspaces: [], nextCursor: null });
});

test("who is removed while somebody pages is left out, and nobody else", async () => {
  const first = await fewer.ask<Page>("GET", "/workspaces?limit=2");
  expect(idsOf([first.json])).toEqual(["a", "b"]);
  await fewer.ask("DELETE", "/workspaces/b?force=true");
  await fewer.ask("DELETE", "/workspaces/c?force=true");
  const second = await fewer.ask<Page>("GET", `/workspaces?limit=2&cursor=${first.json.nextCursor}`);
  expect(idsOf([second.json])).toEqual(["d", "e"]);
});
