import { describe, expect, test } from "vitest";
import { type ReceiptBody, type TestApi, TOKENS, useApi } from "./support/api.ts";
import type { Answer } from "./support/http.ts";

const api = useApi();
const replica = useApi({ beside: () => api });

interface Keyed {
  readonly key?: string;
  readonly body?: Record<string, unknown>;
  readonly token?: string;
  readonly of?: TestApi;
  readonly route?: string;
}

function keyed(id: string, asked: Keyed = {}): Promise<Answer<ReceiptBody>> {
  const { key = "k1", body = { source: "file-write", reason: "saved" }, token, of = api, route = "triggers" } = asked;
  const headers = { "idempotency-key": key };
  return of.ask("POST", `/workspaces/${id}/${route}`, { headers, body, ...(token !== undefined && { token }) });
}

const countOf = async (id: string) => (await api.state(id)).restart.why[0]?.count;

describe("the same key", () => {
  test("with the same body is the same trigger, with the same receipt", async () => {
    const id = await api.workspace();
    const first = await keyed(id);
    const again = await keyed(id);
    expect(first.json.decision).toBe("fired");
    expect(again).toMatchObject({ status: 202, json: first.json });
    expect(await countOf(id)).toBe(1);
  });

  test("is remembered by every replica", async () => {
    const id = await api.workspace();
    const first = await keyed(id);
    expect(await keyed(id, { of: replica })).toMatchObject({ status: 202, json: first.json });
  });

  test("is the same trigger also when all come at once, at two replicas", async () => {
    const id = await api.workspace();
    const asked = Array.from({ length: 20 }, (_, n) => keyed(id, { of: n % 2 === 0 ? api : replica }));
    const receipts = (await Promise.all(asked)).map(({ json }) => json);
    for (const receipt of receipts) expect(receipt).toEqual(receipts[0]);
    expect(await countOf(id)).toBe(1);
  });

  test("gives the first receipt, not what would be decided now", async () => {
    const id = await api.workspace();
    const first = await keyed(id);
    await api.cycle(id);
    expect((await keyed(id)).json).toEqual(first.json);
    expect((await api.state(id)).restart.why).toEqual([]);
  });

  test("may come in another spelling of the same JSON", async () => {
    const id = await api.workspace();
    const first = await keyed(id, { body: { source: "file-write", reason: "ü" } });
    const headers = { "idempotency-key": "k1", "content-type": "application/json" };
    const body = ' { "source" : "file-write",\n"reason":"\\u00fc" } ';
    const again = await api.ask("POST", `/workspaces/${id}/triggers`, { headers, body });
    expect(again).toMatchObject({ status: 202, json: first.json });
  });

  test.each<[string, Keyed]>([
    ["another reason", { body: { source: "file-write", reason: "other" } }],
    ["another source", { body: { source: "secret-change", reason: "saved" } }],
    ["another actor", { body: { source: "file-write", reason: "saved", actor: "ann" } }],
    ["another route", { route: "restart", body: {} }],
  ])("with %s answers 422, and triggers nothing", async (_, other) => {
    const id = await api.workspace();
    await keyed(id);
    const before = await api.state(id);
    const { status, json } = await keyed(id, other);
    expect({ status, json }).toMatchObject({
      status: 422,
      json: { type: "idempotency-conflict", title: "Key used before" },
    });
    // The key that is kept is nobody's business.
    expect(json).toMatchObject({ detail: expect.stringMatching(/^this Idempotency-Key was used/) });
    expect(await api.state(id)).toEqual(before);
  });

  test("of another token, or for another workspace, is another key", async () => {
    const [one, two] = [await api.workspace(), await api.workspace()];
    const mine = await keyed(one, { token: TOKENS.trigger });
    const yours = await keyed(one, { token: TOKENS.operate });
    const elsewhere = await keyed(two, { token: TOKENS.trigger, body: { source: "manual" } });
    const ids = [mine, yours, elsewhere].map(({ json }) => json.triggerId);
    expect(new Set(ids).size).toBe(3);
    expect(await countOf(one)).toBe(2);
  });

  test("that was refused with bad input was not used", async () => {
    const id = await api.workspace();
    expect((await keyed(id, { body: { source: "nothing" } })).status).toBe(400);
    expect((await keyed(id)).status).toBe(202);
  });

  test("that came before the workspace was registered was not used", async () => {
    const id = "later";
    expect((await keyed(id)).status).toBe(404);
    expect(await api.keys(`*${id}*`)).toEqual([]);
    await api.ask("PUT", `/workspaces/${id}`, { body: {} });
    expect(await keyed(id)).toMatchObject({ status: 202, json: { decision: "fired", rule: "window" } });
  });
});

describe("a restart", () => {
  test("is asked for once", async () => {
    const id = await api.workspace();
    const ask = () => keyed(id, { route: "restart", body: { reason: "by hand" } });
    const first = await ask();
    expect(await ask()).toMatchObject({ status: 202, json: first.json });
    expect(await countOf(id)).toBe(1);
  });

  test("that was refused is judged anew under its key, and kept once it is accepted", async () => {
    const id = await api.workspace();
    await api.post(id, "hold");
    const ask = (key: string) => keyed(id, { key, route: "restart", body: {} });
    expect((await ask("1")).status).toBe(409);
    await api.post(id, "release");
    const accepted = await ask("1");
    expect(accepted).toMatchObject({ status: 202, json: { decision: "fired" } });
    expect(await ask("1")).toMatchObject({ status: 202, json: accepted.json });
    expect(await countOf(id)).toBe(1);
  });
});

describe("a key", () => {
  test.each([
    ["one character", "x"],
    ["255 characters", "x".repeat(255)],
    ["spaces and signs", 'a b|c:"d" {e}'],
  ])("may be %s", async (_, key) => {
    const id = await api.workspace();
    const first = await keyed(id, { key });
    expect((await keyed(id, { key })).json).toEqual(first.json);
    expect(first.status).toBe(202);
  });

  test.each([
    ["empty", ""],
    ["256 characters", "x".repeat(256)],
  ])("may not be %s", async (_, key) => {
    const id = await api.workspace();
    const { status, json } = await keyed(id, { key });
    expect(status).toBe(400);
    expect(json).toMatchObject({ detail: `Idempotency-Key: expected 1 to 255 characters, got ${key.length}` });
    expect((await api.state(id)).restart.phase).toBe("idle");
  });

  test("is kept for a day, and not readable in Redis", async () => {
    const id = await api.workspace();
    await keyed(id, { key: "my-private-key" });
    const [key = ""] = await api.keys(`*:idempotency:${id}`);
    expect(Math.ceil((await api.redis.pttl(key)) / 3_600_000)).toBe(24);
    expect(JSON.stringify(await api.redis.hgetall(key))).not.toContain("my-private-key");
  });
});
