import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ReceiptBody, TestApi } from "./support/api.ts";

const api = new TestApi();
const replica = new TestApi({ beside: () => api });
let templates = "";

beforeAll(async () => {
  templates = await mkdtemp(join(tmpdir(), "api-templates-"));
  await mkdir(join(templates, "node"));
  await writeFile(join(templates, "node", "index.js"), "");
  await api.start({ TEMPLATES_DIR: templates });
  await replica.start({ TEMPLATES_DIR: templates });
});
afterAll(async () => {
  await replica.end();
  await api.end();
  await rm(templates, { recursive: true });
});

interface Changed {
  readonly restart: ReceiptBody;
}

/** Everything that changes files, and so asks for a restart. */
const CALL_SITES: readonly (readonly [name: string, source: string, reason: string, change: Change])[] = [
  ["a new file", "file-write", "wrote new.txt", (id) => ["PUT", `/workspaces/${id}/files/new.txt`, "x"]],
  ["a file anew", "file-write", "wrote a.txt", (id) => ["PUT", `/workspaces/${id}/files/a.txt`, "y"]],
  ["a file in a new directory", "file-write", "wrote d/e.txt", (id) => ["PUT", `/workspaces/${id}/files/d/e.txt`, "x"]],
  ["a deletion", "file-write", "deleted a.txt", (id) => ["DELETE", `/workspaces/${id}/files/a.txt`]],
  [
    "all files",
    "file-write",
    "replaced all files (1)",
    (id) => ["PUT", `/workspaces/${id}/files`, { files: { b: "" } }],
  ],
  ["no files", "file-write", "replaced all files (0)", (id) => ["PUT", `/workspaces/${id}/files`, { files: {} }]],
  [
    "a template",
    "template-import",
    "imported template node (1)",
    (id) => ["POST", `/workspaces/${id}/template`, { name: "node" }],
  ],
  [
    "inline files",
    "template-import",
    "imported inline files (1)",
    (id) => ["POST", `/workspaces/${id}/template`, { files: { c: "" } }],
  ],
  [
    "inline bytes",
    "template-import",
    "imported inline files (1)",
    (id) => ["POST", `/workspaces/${id}/template`, { files: { c: { base64: "AA==" } } }],
  ],
];
type Change = (id: string) => readonly [method: string, path: string, body?: string | Record<string, unknown>];

function ask(change: Change, id: string, of = api) {
  const [method, path, body] = change(id);
  return of.ask<Changed>(method, path, { body });
}

/** A workspace with a file a.txt, and no trigger so far. */
async function withFile(): Promise<string> {
  const id = await api.workspace();
  await mkdir(join(api.config.WORKSPACES_DIR, id));
  await writeFile(join(api.config.WORKSPACES_DIR, id, "a.txt"), "old");
  return id;
}

/** The paths that each of them writes. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "a new file": ["new.txt"],
  "a file in a new directory": ["d/e.txt"],
  "all files": ["b"],
  "no files": [],
  "a template": ["index.js"],
  "inline files": ["c"],
  "inline bytes": ["c"],
};

describe.each(CALL_SITES)("%s", (name, source, reason, change) => {
  test("asks for a restart, and answers its receipt", async () => {
    const id = await withFile();
    const { status, json } = await ask(change, id);
    expect(status).toBe(200);
    const own = { workspaceId: id, source, decision: "fired", rule: "window", duringCycle: false };
    expect(json.restart).toEqual({
      ...own,
      triggerId: expect.any(String),
      generation: expect.any(Number),
      dueAt: expect.any(String),
    });
    expect((await api.state(id)).restart.why).toMatchObject([
      { source, count: 1, reasons: [reason], actors: ["admin"], files: FILES[name] ?? ["a.txt"] },
    ]);
  });

  test("while a cycle runs succeeds, says so, and is told as a write in the middle of it", async () => {
    const id = await withFile();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    const { status, json } = await ask(change, id);
    expect(status).toBe(200);
    expect(json.restart).toMatchObject({ source, decision: "coalesced", rule: "running", duringCycle: true });
    const told = (await api.activity(id)).filter(({ event }) => event === "WORKSPACE_RESTARTING_MID_WRITE");
    expect(told).toMatchObject([{ payload: { source, cycle: lease.cycle.cycleId, reasons: [reason], count: 1 } }]);
    await lease.end({ outcome: "ok" });
    expect((await api.state(id)).restart).toMatchObject({ phase: "scheduled", why: [{ source, count: 1 }] });
  });

  test("of a paused workspace is made, and its receipt says that it restarts nothing", async () => {
    const id = await withFile();
    await api.post(id, "pause");
    expect(await ask(change, id)).toMatchObject({
      status: 200,
      json: { restart: { decision: "refused", rule: "paused" } },
    });
  });

  test("outside of a cycle is no write in the middle of one", async () => {
    const id = await withFile();
    await ask(change, id);
    expect((await api.activity(id)).map(({ event }) => event)).not.toContain("WORKSPACE_RESTARTING_MID_WRITE");
  });
});

test("a trigger that is no file change is not told as a write", async () => {
  const id = await api.workspace();
  await api.post(id, "restart");
  await api.begin(id);
  await api.trigger(id, { source: "file-write" });
  expect((await api.activity(id)).map(({ event }) => event)).not.toContain("WORKSPACE_RESTARTING_MID_WRITE");
});

describe("a write is on disk before its trigger, and its trigger in Redis before the answer", () => {
  test("whoever begins the cycle that a write fired finds what was written", async () => {
    const id = await api.workspace();
    const path = join(api.config.WORKSPACES_DIR, id, "a.txt");
    const answer = api.ask("PUT", `/workspaces/${id}/files/a.txt`, { body: "new" });
    const lease = await vi.waitFor(() => api.begin(id), { interval: 1, timeout: 10_000 });
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await answer).status).toBe(200);
    await lease.end({ outcome: "ok" });
  });

  test("a cycle that began before the answer covers it, or another is owed: none is lost", async () => {
    const id = await api.workspace();
    for (let n = 0; n < 20; n += 1) {
      const write = api.ask<Changed>("PUT", `/workspaces/${id}/files/a.txt`, { body: String(n) });
      const flush = api.post(id, "flush");
      await flush;
      const begun = await api.cycles.begin(id);
      const read = await readFile(join(api.config.WORKSPACES_DIR, id, "a.txt"), "utf8").catch(() => "none");
      if (begun.kind === "begun") await begun.lease.end({ outcome: "ok" });
      const { generation } = (await write).json.restart;
      const { restart } = await api.state(id);
      // Whatever was observed was on disk when the cycle began.
      if (restart.observedGeneration >= generation) expect(read).toBe(String(n));
      else expect(restart.phase).toBe("scheduled");
    }
  });
});

describe("two replicas", () => {
  test("a Save burst through both fires once, and everything else is covered by it", async () => {
    const id = await api.workspace();
    const paths = Array.from({ length: 30 }, (_, n) => `f${n}.txt`);
    const answers = await Promise.all(
      paths.map((path, n) =>
        ask(() => ["PUT", `/workspaces/${id}/files/${path}`, path], id, n % 2 === 0 ? api : replica),
      ),
    );
    const verdicts = answers.map(({ json }) => `${json.restart.decision}/${json.restart.rule}`).sort();
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(verdicts).toEqual([...Array(29).fill("coalesced/pending"), "fired/window"]);
    expect((await replica.state(id)).restart.why).toMatchObject([{ source: "file-write", count: 30 }]);

    await api.cycle(id);
    const { restart } = await replica.state(id);
    expect(restart).toMatchObject({ phase: "idle", lastCycle: { covers: [{ source: "file-write", count: 30 }] } });
    for (const { json } of answers) expect(json.restart.generation).toBeLessThanOrEqual(restart.observedGeneration);
  });

  test("what one has written the other reads, and each sees the other's cycle", async () => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}/files/a.txt`, { body: "from one" });
    expect((await replica.ask("GET", `/workspaces/${id}/files/a.txt`)).text).toBe("from one");
    await api.begin(id);
    expect((await replica.ask("GET", `/workspaces/${id}/restarting`)).json).toMatchObject({ restarting: true });
    const { json } = await replica.trigger(id, { source: "liveness-offline" });
    expect(json).toMatchObject({ decision: "dropped", rule: "running" });
  });

  test("pause at one refuses at the other", async () => {
    const id = await api.workspace();
    await api.post(id, "pause");
    expect((await replica.post(id, "restart")).status).toBe(409);
  });
});
