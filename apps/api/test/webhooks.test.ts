import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { Receiver, verify } from "../../../packages/webhooks/test/support/receiver.ts";
import { type ProblemBody, TOKENS, useApi } from "./support/api.ts";

const api = useApi();
const near = useApi({ settings: { WEBHOOK_ALLOW_PRIVATE: true, WEBHOOK_TIMEOUT_MS: 200 } });

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const URL_WITH_SECRET = "https://hooks.example.com/services/T0/B0/xyzzy?key=plugh";

interface WebhookBody {
  readonly id: string;
  readonly url: string;
  readonly secret?: string;
  readonly status: string;
}

const put = (body: Readonly<Record<string, unknown>>, id = `hook-${randomBytes(6).toString("hex")}`) =>
  api.ask<WebhookBody & ProblemBody>("PUT", `/webhooks/${id}`, { body });

describe("PUT /webhooks/{id}", () => {
  test("makes up a secret, and tells it this once", async () => {
    const { status, json } = await put({ url: URL_WITH_SECRET });
    expect(status).toBe(201);
    expect(json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const again = await put({ url: URL_WITH_SECRET, format: "slack" }, json.id);
    expect(again.status).toBe(200);
    const all = await api.ask("GET", "/webhooks");
    const one = await api.ask("GET", `/webhooks/${json.id}`);
    for (const { text } of [again, all, one]) expect(text).not.toContain(json.secret?.slice(6));
  });

  test("takes a secret of the caller's own", async () => {
    const { json } = await put({ url: URL_WITH_SECRET, secret: SECRET });
    expect(json.secret).toBe(SECRET);
  });

  test("tells until when a secret that was replaced signs, too, and neither of them", async () => {
    const { json } = await put({ url: URL_WITH_SECRET, secret: SECRET });
    const other = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
    const rotated = await put({ url: URL_WITH_SECRET, secret: other, secretOverlapMs: 3_600_000 }, json.id);
    const { previousSecretUntil } = rotated.json as unknown as { previousSecretUntil: string };
    expect(Math.abs(Date.parse(previousSecretUntil) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    for (const secret of [SECRET, other]) expect(rotated.text).not.toContain(secret);
    const third = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    const leaked = await put({ url: URL_WITH_SECRET, secret: third, secretOverlapMs: 0 }, json.id);
    expect(leaked.json).toMatchObject({ previousSecretUntil: null });
  });

  test("shows of the URL only where it leads to", async () => {
    const { json, text } = await put({ url: URL_WITH_SECRET });
    expect(json.url).toBe("https://hooks.example.com/…");
    expect(text).not.toMatch(/xyzzy|plugh/);
    expect((await put({ url: "https://example.com" })).json.url).toBe("https://example.com");
  });

  test("turns a webhook off and on", async () => {
    const { json } = await put({ url: URL_WITH_SECRET, enabled: false });
    expect(json).toMatchObject({ status: "disabled", disabled: { reason: "turned off" } });
    expect((await put({ url: URL_WITH_SECRET }, json.id)).json).toMatchObject({ status: "active", disabled: null });
  });

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["no URL", {}, "url"],
    ["no web address", { url: "ftp://example.com" }, "url"],
    ["a password in the URL", { url: "https://a:b@example.com" }, "url"],
    ["this machine", { url: "http://127.0.0.1/" }, "url"],
    ["this machine in other words", { url: "http://[::ffff:7f00:1]/" }, "url"],
    ["the address of a cloud's metadata", { url: "http://169.254.169.254/latest" }, "url"],
    ["an unknown event", { url: URL_WITH_SECRET, events: ["NONE"] }, "events.0"],
    ["no event at all", { url: URL_WITH_SECRET, events: [] }, "events"],
    ["a workspace that cannot be one", { url: URL_WITH_SECRET, workspaces: ["../x"] }, "workspaces.0"],
    ["an unknown format", { url: URL_WITH_SECRET, format: "xml" }, "format"],
    ["a secret that is too short", { url: URL_WITH_SECRET, secret: "whsec_c2hvcnQ=" }, "secret"],
    ["an overlap of more than a week", { url: URL_WITH_SECRET, secretOverlapMs: 604_800_001 }, "secretOverlapMs"],
    ["an unknown field", { url: URL_WITH_SECRET, uri: "x" }, "uri"],
  ])("refuses %s, naming the field", async (_, body, field) => {
    const { status, json, text } = await put(body);
    expect(status).toBe(400);
    expect(json.fields?.map((each) => each.field)).toEqual([field]);
    expect(text).not.toContain("c2hvcnQ");
  });
});

test("DELETE forgets it", async () => {
  const { json } = await put({ url: URL_WITH_SECRET });
  expect((await api.ask("DELETE", `/webhooks/${json.id}`)).status).toBe(200);
  expect((await api.ask("GET", `/webhooks/${json.id}`)).json).toMatchObject({ type: "unknown-webhook", status: 404 });
  expect(await api.keys(`webhooks}:webhook:${json.id}`)).toEqual([]);
});

test("only an admin sees or changes them", async () => {
  const { status } = await api.ask("GET", "/webhooks", { token: TOKENS.operate });
  expect(status).toBe(403);
});

describe("POST /webhooks/{id}/test", () => {
  async function useHook() {
    const receiver = await Receiver.listen();
    onTestFinished(() => receiver.close());
    const id = `hook-${randomBytes(6).toString("hex")}`;
    const body = { url: receiver.url, secret: SECRET };
    expect((await near.ask("PUT", `/webhooks/${id}`, { body })).status).toBe(201);
    return { receiver, id, ask: () => near.ask("POST", `/webhooks/${id}/test`) };
  }

  test("sends a signed test at once and tells what came of it", async () => {
    const { receiver, id, ask } = await useHook();
    expect((await ask()).json).toEqual({ id, taken: true, status: 204, error: null });
    const [received] = receiver.received;
    expect(received && verify(SECRET, received)).toMatchObject({ type: "WEBHOOK_TEST", data: { webhook: id } });
  });

  test("tells what went wrong", async () => {
    const { receiver, id, ask } = await useHook();
    receiver.answer = () => 503;
    expect((await ask()).json).toEqual({ id, taken: false, status: 503, error: "HTTP 503" });
    receiver.answer = () => undefined;
    expect((await ask()).json).toEqual({ id, taken: false, status: null, error: "no answer within 200 ms" });
    receiver.close();
    expect((await ask()).json).toEqual({ id, taken: false, status: null, error: "ECONNREFUSED" });
  });
});

describe("/webhooks/{id}/set-aside", () => {
  /** A webhook that did not take one event of a workspace, as a worker leaves it. */
  async function setAside() {
    const receiver = await Receiver.listen();
    onTestFinished(() => receiver.close());
    const id = `hook-${randomBytes(6).toString("hex")}`;
    await near.ask("PUT", `/webhooks/${id}`, { body: { url: receiver.url, secret: SECRET } });
    const workspace = await near.workspace();
    await near.post(workspace, "hold", { reason: "deploy" });
    const [event] = await near.activity(workspace);
    const eventId = `evt_0_${event?.id}`;
    const key = `{${near.config.RESTART_PREFIX}:webhooks}:aside:${id}`;
    const entry = { id: eventId, event: "WORKSPACE_HELD", workspaceId: workspace, error: "HTTP 400" };
    await near.redis.zadd(key, 1_795_476_776_331, JSON.stringify(entry));
    const path = `/webhooks/${id}/set-aside`;
    return { receiver, id, workspace, eventId, path };
  }

  test("lists, sends again and forgets what was set aside", async () => {
    const { receiver, id, workspace, eventId, path } = await setAside();
    const listed = {
      ...{ id: eventId, event: "WORKSPACE_HELD", workspaceId: workspace, error: "HTTP 400" },
      setAsideAt: "2026-11-23T23:32:56.331Z",
    };
    expect((await near.ask("GET", path)).json).toEqual({ events: [listed] });
    receiver.answer = () => 400;
    const refused = await near.ask("POST", `${path}/${eventId}/send`);
    expect(refused.json).toEqual({ id, taken: false, status: 400, error: "HTTP 400" });
    receiver.answer = () => 204;
    expect((await near.ask("POST", `${path}/${eventId}/send`)).json).toMatchObject({ taken: true });
    expect(receiver.received.at(-1)?.json).toMatchObject({ data: { payload: { reason: "deploy" } } });
    expect((await near.ask("GET", path)).json).toEqual({ events: [] });
    const gone = await near.ask("DELETE", `${path}/${eventId}`);
    expect(gone.json).toMatchObject({ type: "unknown-event", status: 404 });
  });

  test("says that an event can no longer be sent, and forgets it", async () => {
    const { eventId, path } = await setAside();
    await near.redis.xtrim(`{${near.config.RESTART_PREFIX}:0}:events`, "MAXLEN", 0);
    expect((await near.ask("POST", `${path}/${eventId}/send`)).json).toMatchObject({
      ...{ type: "event-trimmed", status: 409 },
    });
    expect((await near.ask("DELETE", `${path}/${eventId}`)).json).toEqual({ id: eventId, forgotten: true });
  });
});

test("there are at most 100", async () => {
  const few = await Promise.all(Array.from({ length: 110 }, () => put({ url: URL_WITH_SECRET })));
  expect(new Set(few.map(({ status }) => status))).toEqual(new Set([201, 409]));
  expect((await api.ask<{ webhooks: unknown[] }>("GET", "/webhooks")).json.webhooks).toHaveLength(100);
});
