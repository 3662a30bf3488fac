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

test("there are at most 100", async () => {
  const few = await Promise.all(Array.from({ length: 110 }, () => put({ url: URL_WITH_SECRET })));
  expect(new Set(few.map(({ status }) => status))).toEqual(new Set([201, 409]));
  expect((await api.ask<{ webhooks: unknown[] }>("GET", "/webhooks")).json.webhooks).toHaveLength(100);
});
