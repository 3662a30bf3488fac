import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILT_IN_SOURCES, type BuiltInSource } from "@restart-coordinator/debounce";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ReceiptBody, TestApi, TOKENS, useApi } from "./support/api.ts";

const api = useApi();

const RECEIPT = {
  triggerId: expect.stringMatching(/^[\w.-]+$/),
  workspaceId: expect.any(String),
  source: expect.any(String),
  decision: expect.any(String),
  rule: expect.any(String),
  generation: expect.any(Number),
  dueAt: expect.any(String),
  duringCycle: false,
};

/** On an idle workspace; and again at once, nothing having begun. */
const FIRST_AND_SECOND: Readonly<Record<BuiltInSource, readonly [string, string]>> = {
  "file-write": ["fired/window", "coalesced/pending"],
  "template-import": ["fired/window", "coalesced/pending"],
  "secret-change": ["coalesced/window", "coalesced/pending"],
  "plugin-change": ["coalesced/window", "coalesced/pending"],
  "spec-change": ["coalesced/window", "coalesced/pending"],
  "a2a-preflight": ["fired/window", "coalesced/pending"],
  "liveness-offline": ["fired/window", "coalesced/pending"],
  startup: ["fired/window", "coalesced/pending"],
  manual: ["fired/window", "coalesced/pending"],
};
/** While a cycle runs; and in the cooldown after it. */
const DURING_AND_AFTER: Readonly<Record<BuiltInSource, readonly [string, string]>> = {
  "file-write": ["coalesced/running", "coalesced/cooldown"],
  "template-import": ["coalesced/running", "coalesced/cooldown"],
  "secret-change": ["coalesced/running", "coalesced/cooldown"],
  "plugin-change": ["coalesced/running", "coalesced/cooldown"],
  "spec-change": ["coalesced/running", "coalesced/cooldown"],
  "a2a-preflight": ["dropped/running", "dropped/cooldown"],
  "liveness-offline": ["dropped/running", "dropped/cooldown"],
  startup: ["dropped/cooldown", "dropped/cooldown"],
  manual: ["coalesced/running", "fired/window"],
};

const verdictOf = ({ decision, rule }: ReceiptBody) => `${decision}/${rule}`;

describe.each(BUILT_IN_SOURCES)("%s", (source) => {
  test("on an idle workspace, and again", async () => {
    const id = await api.workspace();
    const verdicts: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      const { status, json } = await api.trigger(id, { source });
      expect(status).toBe(202);
      expect(json).toEqual({ ...RECEIPT, workspaceId: id, source });
      expect(new Date(json.dueAt ?? "").toISOString()).toBe(json.dueAt);
      verdicts.push(verdictOf(json));
    }
    expect(verdicts).toEqual(FIRST_AND_SECOND[source]);
    expect((await api.state(id)).restart.why).toMatchObject([{ source, count: 2 }]);
  });

  test("while a cycle runs, and in the cooldown after it", async () => {
    const [during, after] = DURING_AND_AFTER[source];
    const id = await api.workspace();
    await api.trigger(id, { source: "manual" });
    const lease = await api.begin(id);
    const first = (await api.trigger(id, { source })).json;
    expect(verdictOf(first)).toBe(during);
    expect(first.duringCycle).toBe(true);
    await lease.end({ outcome: "ok" });
    await api.post(id, "cancel");
    const second = (await api.trigger(id, { source })).json;
    expect(verdictOf(second)).toBe(after);
    expect(second.duringCycle).toBe(false);
    if (second.decision === "dropped") expect(second.dueAt).toBeNull();
  });
});

describe("an unknown source", () => {
  test.each(["file-writes", "FILE-WRITE", "file write", "constructor", "__proto__", "x".repeat(64)])(
    "%s answers 400 and names the known ones",
    async (source) => {
      const id = await api.workspace();
      const { status, json } = await api.trigger(id, { source });
      expect(status).toBe(400);
      expect(json).toMatchObject({ status: 400, title: "Bad request" });
      const detail = `unknown source "${source}"; expected one of ${BUILT_IN_SOURCES.join(", ")}`;
      expect(json).toMatchObject({ detail });
      expect((await api.state(id)).restart.phase).toBe("idle");
    },
  );
});

describe("the policy file", () => {
  let directory = "";
  const own = new TestApi();
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "api-policy-"));
    const path = join(directory, "policy.yaml");
    writeFileSync(
      path,
      "{customSources: {git-push: {windowMs: 60000, leading: true, trailing: false}}, sources: {manual: {running: drop}}}",
    );
    await own.start({ RESTART_POLICY_FILE: path, RESTART_COOLDOWN_MS: 0 });
  });
  afterAll(async () => {
    await own.end();
    await rm(directory, { recursive: true });
  });

  test("decides: over a source of its own, an overridden one and the cooldown", async () => {
    const id = await own.workspace();
    const ask = async (source: string) => verdictOf((await own.trigger(id, { source })).json);
    expect([await ask("git-push"), await ask("git-push")]).toEqual(["fired/window", "dropped/window"]);
    const lease = await own.begin(id);
    expect(await ask("manual")).toBe("dropped/running");
    await lease.end({ outcome: "ok" });
    expect(await ask("startup")).toBe("fired/window");
  });
});

describe("why", () => {
  const whyOf = async (id: string) => (await api.state(id)).restart.why[0];

  test.each([
    ["the token's name", {}, "trigger"],
    ["a name the caller gives, and the token's", { actor: "ann" }, "ann via trigger"],
  ])("the actor is %s", async (_, body, actor) => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write", ...body }, { token: TOKENS.trigger });
    expect((await whyOf(id))?.actors).toEqual([actor]);
  });

  test.each([
    ["control characters become spaces", "line one\r\nline\ttwo\u0000\u001b[31m", "line one line two [31m"],
    ["outer spaces go", "  \n saved \t ", "saved"],
    ["unicode stays", "gespeichert: Ünïcödé \u{1f525} 文件", "gespeichert: Ünïcödé \u{1f525} 文件"],
    ["what looks like syntax stays", 'a|b|count {x} " \\ %s $1', 'a|b|count {x} " \\ %s $1'],
    ["a long one is cut to 200 bytes", "x".repeat(1_000), `${"x".repeat(197)}…`],
    ["between characters", "ü".repeat(500), `${"ü".repeat(98)}…`],
  ])("of reasons, %s", async (_, reason, kept) => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write", reason });
    expect((await whyOf(id))?.reasons).toEqual([kept]);
    await api.begin(id);
    expect(
      (await api.activity(id)).find(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED")?.payload,
    ).toMatchObject({
      covers: [{ reasons: [kept] }],
    });
  });

  test("a reason of nothing but spaces is none", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write", reason: " \n " });
    expect((await whyOf(id))?.reasons).toEqual([]);
  });

  test("the newest 32 distinct reasons are kept, and how many more there were", async () => {
    const id = await api.workspace();
    for (let n = 0; n < 40; n += 1)
      await api.trigger(id, { source: "file-write", reason: `reason ${n}`, actor: `a${n}` });
    await api.trigger(id, { source: "file-write", reason: "reason 39" });
    expect(await whyOf(id)).toMatchObject({ count: 41, moreReasons: 8 });
    expect((await whyOf(id))?.reasons).toHaveLength(32);
    expect((await whyOf(id))?.actors).toHaveLength(32);
  });

  test("each source has its own", async () => {
    const id = await api.workspace();
    for (const source of ["file-write", "secret-change", "manual"]) {
      await api.trigger(id, { source, reason: `by ${source}` });
    }
    const { why } = (await api.state(id)).restart;
    expect(why.map(({ source, reasons }) => [source, reasons]).sort()).toEqual([
      ["file-write", ["by file-write"]],
      ["manual", ["by manual"]],
      ["secret-change", ["by secret-change"]],
    ]);
  });
});

test("a burst at the same time fires once, and every trigger has a receipt of its own", async () => {
  const id = await api.workspace();
  const answers = await Promise.all(Array.from({ length: 50 }, () => api.trigger(id, { source: "file-write" })));
  const receipts = answers.map(({ json }) => json);
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  expect(receipts.filter(({ decision }) => decision === "fired")).toHaveLength(1);
  expect(receipts.filter(({ decision }) => decision === "coalesced")).toHaveLength(49);
  expect(new Set(receipts.map(({ triggerId }) => triggerId)).size).toBe(50);
  const { restart } = await api.state(id);
  expect(restart.why).toMatchObject([{ source: "file-write", count: 50 }]);
  expect(restart.generation).toBe(Math.max(...receipts.map(({ generation }) => generation)));
});

describe("what comes at the same time is judged each for itself", () => {
  test("by its own source", async () => {
    const id = await api.workspace();
    const sources = Array.from({ length: 30 }, (_, n) => ["file-write", "secret-change", "manual"][n % 3] ?? "");
    const receipts = await Promise.all(sources.map(async (source) => (await api.trigger(id, { source })).json));
    expect(receipts.map(({ source }) => source)).toEqual(sources);
    const { why } = (await api.state(id)).restart;
    expect(why.map(({ source, count }) => `${count} ${source}`).sort()).toEqual([
      "10 file-write",
      "10 manual",
      "10 secret-change",
    ]);
  });

  test("by what a hold shall do to it", async () => {
    const id = await api.workspace();
    await api.post(id, "hold");
    const asked = Array.from({ length: 10 }, () => [
      api.post(id, "restart"),
      api.trigger(id, { source: "manual" }),
      api.post(id, "restart", { force: true }),
    ]);
    const statuses = (await Promise.all(asked.flat())).map(({ status }) => status);
    expect(statuses).toEqual(Array.from({ length: 10 }, () => [409, 202, 202]).flat());
  });

  test("by whether it is a write", async () => {
    const id = await api.workspace();
    await api.post(id, "restart");
    const lease = await api.begin(id);
    const asked = Array.from({ length: 10 }, (_, n) => [
      api.ask("PUT", `/workspaces/${id}/files/${n}`, { body: "x" }),
      api.trigger(id, { source: "file-write" }),
    ]);
    await Promise.all(asked.flat());
    await lease.end({ outcome: "ok" });
    const ended = (await api.activity(id)).find(({ event }) => event === "WORKSPACE_ONLINE");
    expect(ended?.payload.midWrites).toEqual([{ source: "file-write", count: 10 }]);
  });
});
