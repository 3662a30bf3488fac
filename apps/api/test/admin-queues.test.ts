import { describe, expect, test } from "vitest";
import { SCOPES } from "../src/authentication.ts";
import { TOKENS, useApi } from "./support/api.ts";

const api = useApi();
const sharded = useApi({ settings: { SHARDS: 3 } });

const BOARD = "/admin/queues";
const QUEUES = `${BOARD}/api/queues`;
/** What further buttons of the board send; nothing of it may do anything. */
const BUTTONS = [
  ["PUT", `${QUEUES}/restarts/pause`],
  ["PUT", `${QUEUES}/restarts/empty`],
  ["PUT", `${QUEUES}/restarts/obliterate`],
  ["PUT", `${QUEUES}/restarts/clean/delayed`],
  ["PUT", `${QUEUES}/restarts/promote`],
  ["PUT", `${QUEUES}/pause`],
  ["PUT", `${QUEUES}/restarts/retry/failed`],
  ["PUT", `${QUEUES}/restarts/concurrency`],
  ["PATCH", `${QUEUES}/restarts/w@1/delay`],
  ["PATCH", `${QUEUES}/restarts/w@1/update-data`],
  ["POST", `${QUEUES}/restarts/add`],
] as const;

const basic = (secret: string) => ({ authorization: `Basic ${Buffer.from(secret).toString("base64")}` });

interface Queues {
  readonly queues: readonly { readonly name: string; readonly counts: Readonly<Record<string, number>> }[];
}

describe("who may come in", () => {
  test.each([BOARD, `${BOARD}/`, QUEUES, `${BOARD}/queue/restarts`, "/ADMIN/queues"])(
    "%s asks a browser for a password, for its token",
    async (path) => {
      const { status, headers } = await api.ask("GET", path, { token: undefined });
      expect(status).toBe(401);
      expect(headers["www-authenticate"]).toBe('Basic realm="restart-coordinator"');
    },
  );

  test.each(SCOPES)("a token with the scope %s, as Bearer and as Basic", async (scope) => {
    const expected = scope === "operate" || scope === "admin" ? 200 : 403;
    expect((await api.ask("GET", QUEUES, { token: TOKENS[scope] })).status).toBe(expected);
    const headers = basic(`anyone:${TOKENS[scope]}`);
    expect((await api.ask("GET", QUEUES, { token: undefined, headers })).status).toBe(expected);
  });

  test.each([
    ["no password", "anyone"],
    ["an empty password", "anyone:"],
    ["the token as the user", `${TOKENS.admin}:`],
    ["another password", "anyone:hunter2-hunter2-hunter2"],
    ["the token and more", `anyone:${TOKENS.admin}:x`],
  ])("%s is refused", async (_, credentials) => {
    expect((await api.ask("GET", QUEUES, { token: undefined, headers: basic(credentials) })).status).toBe(401);
  });

  test("what is not base64 is refused", async () => {
    const headers = { authorization: "Basic %%%" };
    expect((await api.ask("GET", QUEUES, { token: undefined, headers })).status).toBe(401);
  });
});

describe("a request that changes something must come from this server's own pages", () => {
  const own = () => `127.0.0.1:${api.port}`;
  // A job that is not there: whoever may ask learns that.
  const put = (headers: Record<string, string>) => api.ask("PUT", `${QUEUES}/restarts/w@1/promote`, { headers });

  test.each<[string, () => Record<string, string>, number]>([
    ["the same origin", () => ({ origin: `http://${own()}` }), 404],
    ["no browser: neither Origin nor Sec-Fetch-Site", () => ({}), 404],
    ["another host", () => ({ origin: "http://evil.example" }), 403],
    ["another port", () => ({ origin: `http://127.0.0.1:${api.port + 1}` }), 403],
    ["a host that begins alike", () => ({ origin: `http://${own()}.evil.example` }), 403],
    ["an opaque origin", () => ({ origin: "null" }), 403],
    ["no URL", () => ({ origin: "evil" }), 403],
    ["an empty one", () => ({ origin: "" }), 403],
    ["a browser that leaves it out", () => ({ "sec-fetch-site": "cross-site" }), 403],
    ["a browser that says same-origin but names none", () => ({ "sec-fetch-site": "same-origin" }), 403],
  ])("%s", async (_, headers, expected) => {
    const answer = await put(headers());
    expect(answer.status).toBe(expected);
    if (expected === 403) expect(answer.json.detail).toBe("the Origin header is not this server's");
  });

  test("looking is allowed from anywhere", async () => {
    expect((await api.ask("GET", QUEUES, { headers: { origin: "http://evil.example" } })).status).toBe(200);
  });

  test("elsewhere a token in the header is enough: no browser adds one by itself", async () => {
    const headers = { origin: "http://elsewhere.example" };
    expect((await api.ask("PUT", "/workspaces/anywhere", { body: {}, headers })).status).toBe(201);
  });

  test("without a token the answer is 401, whatever the origin", async () => {
    const headers = { origin: "http://evil.example" };
    expect((await api.ask("PUT", `${QUEUES}/pause`, { token: undefined, headers })).status).toBe(401);
  });
});

describe("the board", () => {
  test("is a page", async () => {
    const { headers, text } = await api.ask("GET", BOARD);
    expect(headers["content-type"]).toMatch(/^text\/html/);
    expect(text).toContain("<title>restart-coordinator</title>");
  });

  test("shows the hints that wait", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "file-write" });
    const job = async () => (await api.ask<Queues>("GET", QUEUES)).json.queues;
    await expect.poll(job, { interval: 5 }).toMatchObject([{ name: "restarts", counts: { waiting: 1 } }]);
  });

  test("shows the queue of every shard", async () => {
    const { json } = await sharded.ask<Queues>("GET", QUEUES);
    expect(json.queues.map(({ name }) => name)).toEqual(["0-restarts", "1-restarts", "2-restarts"]);
  });

  test.each(BUTTONS)("says why a button is off, and does nothing: %s %s", async (method, path) => {
    const before = (await api.ask<Queues>("GET", QUEUES)).json.queues;
    const { status, json, headers } = await api.ask<{ error?: string; message?: string }>(method, path, {
      body: { name: "x", data: {} },
    });
    expect({ status, allow: headers.allow, error: json.error }).toEqual({
      status: 405,
      allow: "GET, HEAD",
      error: "Not possible here",
    });
    expect(json.message).toMatch(path.endsWith("/pause") ? /hold or pause a workspace/ : /only hints/);
    expect((await api.ask<Queues>("GET", QUEUES)).json.queues).toEqual(before);
  });

  test("is nothing beyond itself: what it does not know is 404", async () => {
    const { status, json } = await api.ask("GET", `${BOARD}/api/nothing`);
    expect({ status, json }).toMatchObject({ status: 404, json: { title: "Not found" } });
  });
});
