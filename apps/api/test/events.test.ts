import { Redis } from "ioredis";
import { afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { TestApi, TOKENS, useApi } from "./support/api.ts";
import { EventReader } from "./support/event-reader.ts";

const EVENTS_SENT = 300;
const api = useApi();
const readers: EventReader[] = [];

beforeAll(async () => {
  for (const id of ["one", "two"]) await api.ask("PUT", `/workspaces/${id}`, { body: {} });
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});

async function read(path: string, headers: Record<string, string> = {}, of: TestApi = api): Promise<EventReader> {
  const authorization = `Bearer ${TOKENS.read}`;
  const reader = await EventReader.open(of.port, path, { authorization, ...headers });
  readers.push(reader);
  // What happens once the stream has said where it begins is told.
  await vi.waitFor(() => expect(reader.startId ?? reader.status >= 400).toBeTruthy(), { interval: 5, timeout: 10_000 });
  return reader;
}

async function hold(id: string, reason: string): Promise<void> {
  await api.ask("POST", `/workspaces/${id}/hold`, { body: { reason } });
}

describe("GET /workspaces/{id}/events", () => {
  test("tells what happens to that workspace, and nothing of another", async () => {
    const reader = await read("/workspaces/one/events");
    await hold("two", "not for this reader");
    await hold("one", "first");
    const told = await reader.next();
    expect(told).toMatchObject({
      event: "WORKSPACE_HELD",
      data: { workspace_id: "one", payload: { reason: "first" } },
    });
  });

  test("resumes after the last event a reader has seen, missing and repeating none", async () => {
    const before = await read("/workspaces/one/events");
    await hold("one", "seen");
    const seen = await before.next();
    before.close();
    await hold("one", "missed 1");
    await hold("one", "missed 2");
    const after = await read("/workspaces/one/events", { "Last-Event-ID": seen?.id ?? "" });
    await hold("one", "live");
    const reasons = [await after.next(), await after.next(), await after.next()].map(
      (told) => told?.data.payload?.reason,
    );
    expect(reasons).toEqual(["missed 1", "missed 2", "live"]);
  });

  test("resumes after the id in the query, too, for a page that opens its stream anew", async () => {
    const before = await read("/workspaces/one/events");
    await hold("one", "seen");
    const seen = await before.next();
    await hold("one", "missed");
    const after = await read(`/workspaces/one/events?after=${encodeURIComponent(seen?.id ?? "")}`);
    expect((await after.next())?.data.payload?.reason).toBe("missed");
  });

  test("answers 404 for a workspace nobody registered", async () => {
    expect((await read("/workspaces/nobody/events")).status).toBe(404);
  });
});

describe("GET /events", () => {
  test("tells what happens to every workspace", async () => {
    const reader = await read("/events");
    await hold("one", "a");
    await hold("two", "b");
    const ids = [await reader.next(), await reader.next()].map((told) => told?.data.workspace_id);
    expect(ids).toEqual(["one", "two"]);
  });

  test("tells only the events asked for", async () => {
    const reader = await read("/events?event=WORKSPACE_RELEASED");
    await hold("one", "not asked for");
    await api.ask("POST", "/workspaces/one/release");
    expect(await reader.next()).toMatchObject({ event: "WORKSPACE_RELEASED" });
  });

  test.each([
    ["/events?event=WORKSPACE_NONSENSE", {}],
    ["/events", { "Last-Event-ID": "nonsense" }],
    ["/events", { "Last-Event-ID": "1-1,nonsense" }],
    ["/events", { "Last-Event-ID": "1-1/2-2/3-3" }],
  ])("answers 400 for what it cannot read: %s %o", async (path, headers) => {
    expect((await read(path, headers)).status).toBe(400);
  });

  test("takes the token as a Basic password, for a browser's EventSource", async () => {
    const authorization = `Basic ${Buffer.from(`me:${TOKENS.read}`).toString("base64")}`;
    expect((await read("/events", { authorization })).status).toBe(200);
  });

  test("says that there is a gap when the history asked for was trimmed", async () => {
    await hold("one", "old");
    const redis = new Redis(inject("redisUrl"));
    await redis.xtrim(`{${api.config.RESTART_PREFIX}:0}:events`, "MAXLEN", 1);
    await redis.quit();
    const reader = await read("/events", { "Last-Event-ID": "1-1" });
    expect(await reader.next()).toMatchObject({ event: "gap", data: { after: "1-1" } });
    expect(await reader.next()).toMatchObject({ event: "WORKSPACE_HELD" });
  });

  test("says so, too, when the reader had seen nothing yet and it was trimmed since", async () => {
    await hold("one", "trimmed");
    await hold("one", "left");
    const redis = new Redis(inject("redisUrl"));
    await redis.xtrim(`{${api.config.RESTART_PREFIX}:0}:events`, "MAXLEN", 1);
    await redis.quit();
    const reader = await read("/events", { "Last-Event-ID": "0-0/0-0" });
    expect(await reader.next()).toMatchObject({ event: "gap", data: { after: "0-0" } });
    expect(await reader.next()).toMatchObject({ event: "WORKSPACE_HELD", data: { payload: { reason: "left" } } });
  });

  test("but none when nothing was trimmed", async () => {
    const fresh = new TestApi();
    await fresh.start();
    await fresh.ask("PUT", "/workspaces/one", { body: {} });
    await fresh.ask("POST", "/workspaces/one/hold", { body: { reason: "first" } });
    const reader = await read("/events", { "Last-Event-ID": "0-0/0-0" }, fresh);
    expect(await reader.next()).toMatchObject({ event: "WORKSPACE_HELD" });
    reader.close();
    await fresh.end();
  });

  test("says that there is a gap when the position lies ahead of the stream, as after Redis lost it; what comes is told", async () => {
    const future = `${Date.now() + 3_600_000}-0`;
    for (const path of ["/events", "/workspaces/one/events"]) {
      const reader = await read(path, { "Last-Event-ID": future });
      expect(await reader.next()).toMatchObject({ event: "gap", data: { after: future } });
      await hold("one", "live");
      const told = await reader.next();
      expect(told).toMatchObject({ event: "WORKSPACE_HELD", data: { payload: { reason: "live" } } });
      // Who comes back with what it was given is not told of the gap again.
      const again = await read(path, { "Last-Event-ID": told?.id ?? "" });
      await hold("one", "more");
      expect(await again.next()).toMatchObject({ event: "WORKSPACE_HELD", data: { payload: { reason: "more" } } });
    }
  });

  test("an id of another number of shards begins with a gap, and goes on from now", async () => {
    for (const [path, id] of [
      ["/events", "1-1,2-2"],
      ["/events", "1-1,2-2,3-3/4-4"],
      ["/workspaces/one/events", "1-1,2-2/3-3"],
    ] as const) {
      const reader = await read(path, { "Last-Event-ID": id });
      expect(reader.status).toBe(200);
      const gap = await reader.next();
      expect(gap).toMatchObject({ event: "gap", data: { after: null } });
      expect(gap?.id).toBe(reader.startId);
      await hold("one", "live");
      expect(await reader.next()).toMatchObject({ event: "WORKSPACE_HELD", data: { payload: { reason: "live" } } });
    }
  });

  test("tells where a reader stands at once, with data: some readers know no id without", async () => {
    const reader = await read("/events");
    expect(reader.positions).toEqual([reader.startId]);
  });

  test.each(["/events", "/workspaces/one/events"])("HEAD %s answers and ends", async (path) => {
    const { status, headers, text } = await api.ask("HEAD", path, { token: TOKENS.read });
    expect({ status, text, type: headers["content-type"] }).toEqual({
      ...{ status: 200, text: "", type: "text/event-stream" },
    });
    expect((await api.ask("HEAD", "/workspaces/nobody/events")).status).toBe(404);
  });

  test("any number of readers cost one connection to Redis", async () => {
    const redis = new Redis(inject("redisUrl"));
    const blocked = async () => {
      const clients = (await redis.client("LIST")) as string;
      return clients.split("\n").filter((line) => line.includes("cmd=xread")).length;
    };
    const before = await blocked();
    for (let reader = 0; reader < 20; reader += 1) await read("/events");
    await vi.waitFor(async () => expect(await blocked()).toBe(before + 1), { interval: 10, timeout: 10_000 });
    for (const reader of readers.splice(0)) reader.close();
    await vi.waitFor(async () => expect(await blocked()).toBe(before), { timeout: 5_000, interval: 10 });
    await redis.quit();
  });

  test("a reader that does not read is cut off, and the others go on", async () => {
    const slow = await read("/events");
    const quick = await read("/events");
    slow.pause();
    // More than any socket holds, at once: as if a thousand workspaces talked.
    const stream = `{${api.config.RESTART_PREFIX}:0}:events`;
    const payload = JSON.stringify({ reason: "x".repeat(100_000) });
    for (let sent = 0; sent < EVENTS_SENT; sent += 1) {
      const fields = ["event", "WORKSPACE_HELD", "workspace_id", "one", "timestamp", "0", "payload", payload];
      await api.redis.xadd(stream, "*", ...fields);
      if (sent % 10 === 9) for (let seen = 0; seen < 10; seen += 1) expect(await quick.next()).toBeDefined();
    }
    slow.resume();
    await slow.ended;
    expect(slow.received).toBeLessThan(EVENTS_SENT);
  });

  test("a server that stops ends its streams instead of waiting for them", async () => {
    const other = new TestApi({ beside: () => api });
    await other.start();
    const reader = await read("/events", {}, other);
    await other.end();
    await reader.ended;
    expect(await reader.next()).toBeUndefined();
  });
});
