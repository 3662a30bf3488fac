import { readdir } from "node:fs/promises";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type ReceiptBody, TestApi } from "./support/api.ts";
import { askedOf, named, pathOf, ROUTES } from "./support/routes.ts";

/** A Redis of this file's own, since it is killed and frozen; it forgets nothing that it acknowledged. */
let redis: OwnRedis;
const api = new TestApi();
let id = "";

beforeAll(async () => {
  redis = await startRedis({ own: true, appendOnly: true, appendfsync: "always" });
  await api.start({ REDIS_URL: redis.url });
});
afterAll(async () => {
  await api.end();
  await redis.stop();
});
beforeEach(async () => {
  await back();
  id = await api.workspace();
});

async function back(): Promise<void> {
  await redis.kill("SIGCONT");
  if (redis.pid === undefined) await redis.restart();
  await api.untilReady();
}

const ANSWERING = ROUTES.filter((route) => !route.stream && !route.withoutRedis);
/** A second, by the clock of the server; and some for a machine that has other work. */
const WITHIN_MS = 1_000;
const SLACK_MS = 1_000;

const AWAY = {
  status: 503,
  headers: { "retry-after": "1" },
  json: { type: "redis-away", status: 503, title: "Try again" },
};

async function timed<Result>(call: Promise<Result>): Promise<{ answer: Result; ms: number }> {
  const start = performance.now();
  return { answer: await call, ms: performance.now() - start };
}

describe("while Redis is away", () => {
  test("the API lives, is not ready, and says when to ask again", async () => {
    await redis.kill();
    expect((await api.ask("GET", "/healthz")).status).toBe(200);
    expect(await api.ask("GET", "/readyz")).toMatchObject({
      status: 503,
      headers: { "retry-after": "1" },
      json: { status: "not ready", reason: "Redis is away" },
    });
  });

  test.each(["/events", "/workspaces/:id/events"])(
    "a reader that comes back to %s is told so by a stream that ends: a browser never comes back to a 503",
    async (pattern) => {
      const path = pattern.replace(":id", id);
      await redis.kill();
      expect((await api.ask("GET", path)).status).toBe(503);
      const { status, headers, text } = await api.ask("GET", path, { headers: { "last-event-id": "1-1" } });
      expect({ status, type: headers["content-type"] }).toEqual({ status: 200, type: "text/event-stream" });
      // Without an id: the reader keeps the one it has.
      expect(text).toBe('retry: 1000\nevent: unavailable\ndata: {"reason":"Redis is not available"}\n\n');
    },
  );

  test.each(named(ANSWERING))("%s answers 503 at once", async (_, route) => {
    await redis.kill();
    const { answer, ms } = await timed(api.ask(route.method, pathOf(route, id), askedOf(route)));
    expect(answer).toMatchObject(AWAY);
    expect(ms).toBeLessThan(WITHIN_MS);
  });

  test("bad requests are told so all the same", async () => {
    await redis.kill();
    expect((await api.ask("GET", "/workspaces", { token: "unknown" })).status).toBe(401);
    expect((await api.ask("PUT", "/workspaces/..", { body: {} })).status).toBe(400);
    expect((await api.trigger(id, { source: 1 })).status).toBe(400);
  });

  test("no file is written that nobody would be told of", async () => {
    await redis.kill();
    expect((await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "x" })).status).toBe(503);
    expect(await readdir(api.config.WORKSPACES_DIR)).not.toContain(id);
  });
});

describe("while Redis does not answer", () => {
  test("every request is answered with 503 in time, also many at once", async () => {
    await redis.kill("SIGSTOP");
    const asked = ANSWERING.map((route) => timed(api.ask(route.method, pathOf(route, id), askedOf(route))));
    for (const [n, { answer, ms }] of (await Promise.all(asked)).entries()) {
      expect(answer, ANSWERING[n]?.path).toMatchObject(AWAY);
      expect(ms, ANSWERING[n]?.path).toBeLessThan(WITHIN_MS + SLACK_MS);
    }
  });

  test("a stop does not wait for it", async () => {
    const other = new TestApi({ beside: () => api });
    await other.start();
    await redis.kill("SIGSTOP");
    expect((await other.ask("GET", "/workspaces")).status).toBe(503);
    const { ms } = await timed(other.service.stop());
    expect(ms).toBeLessThan(WITHIN_MS);
  });
});

describe.each(["SIGKILL", "SIGSTOP"] as const)("what would wait for news, after %s", (signal) => {
  test.each<[string, (receipt: ReceiptBody) => string, Record<string, string>, object]>([
    ["a trigger's outcome", ({ triggerId }) => `triggers/${triggerId}?wait=30s`, {}, AWAY],
    ["a stream of events", () => "events", {}, AWAY],
    ["a stream of events that goes on", () => "events", { "last-event-id": "1-1" }, { status: 200 }],
  ])("%s answers in time that it cannot, and holds up no stop", async (_, path, headers, expected) => {
    const other = new TestApi({ beside: () => api });
    await other.start();
    const { json } = await other.trigger(id, { source: "secret-change" });
    await redis.kill(signal);
    const { answer, ms } = await timed(other.ask("GET", `/workspaces/${id}/${path(json)}`, { headers }));
    expect(answer).toMatchObject(expected);
    expect(ms).toBeLessThan(WITHIN_MS + SLACK_MS);
    expect((await timed(other.service.stop())).ms).toBeLessThan(WITHIN_MS);
  });
});

describe("when Redis is back", () => {
  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "everything works again after %s, and what was there is there",
    async (signal) => {
      await api.trigger(id, { source: "file-write", reason: "before" });
      await redis.kill(signal);
      expect((await api.trigger(id, { source: "file-write" })).status).toBe(503);
      await back();
      expect(await api.ask("PUT", `/workspaces/${id}/files/a`, { body: "x" })).toMatchObject({
        status: 200,
        json: { restart: { decision: "coalesced", rule: "pending" } },
      });
      expect((await api.state(id)).restart.why[0]?.reasons).toContain("before");
      await api.cycle(id);
      expect((await api.state(id)).status).toBe("online");
    },
  );

  test("nothing that was acknowledged while it went is lost", async () => {
    const ask = async (n: number) => {
      // A key each: these do not share a round trip.
      const headers = { "idempotency-key": String(n) };
      return (await api.trigger(id, { source: "file-write" }, { headers })).status;
    };
    const asked = Array.from({ length: 100 }, (_, n) => ask(n));
    await asked[0];
    asked.push(...Array.from({ length: 100 }, (_, n) => ask(100 + n)));
    await redis.kill();
    const statuses = await Promise.all(asked);
    const acknowledged = statuses.filter((status) => status === 202).length;
    expect(acknowledged).toBeGreaterThan(0);
    expect(acknowledged).toBeLessThan(200);
    expect(statuses.filter((status) => status !== 202 && status !== 503)).toEqual([]);
    await back();
    expect((await api.state(id)).restart.why[0]?.count).toBeGreaterThanOrEqual(acknowledged);
  });

  test("the same key repeats what was not acknowledged, and counts once what was recorded all the same", async () => {
    const headers = { "idempotency-key": "again" };
    await redis.kill("SIGSTOP");
    expect((await api.trigger(id, { source: "file-write" }, { headers })).status).toBe(503);
    await back();
    expect((await api.trigger(id, { source: "file-write" }, { headers })).status).toBe(202);
    expect((await api.state(id)).restart.why[0]?.count).toBe(1);
  });
});

describe("when Redis takes no writes", () => {
  test.each([
    ["read-only", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    ["out-of-memory", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
  ])(
    "for it is %s, changes answer 503 and say so, and what is there can be read",
    async (condition, [off = "", ...args], [on = "", ...undo]) => {
      await api.redis.call(off, ...args);
      const problem = { ...AWAY, json: { ...AWAY.json, type: `redis-${condition}` } };
      const changes = [
        () => api.ask("PUT", `/workspaces/${id}`, { body: { name: "x" } }),
        () => api.post(id, "pause"),
        () => api.post(id, "hold"),
      ];
      for (const change of changes) {
        expect(await change()).toMatchObject(problem);
        // A replica is left for a moment, to see whether there is a master in its place by now.
        await vi.waitFor(
          async () => {
            const read = await api.ask("GET", `/workspaces/${id}`);
            expect(read).toMatchObject({ status: 200, json: { id, name: null, restart: { phase: "idle" } } });
          },
          { interval: 10 },
        );
      }
      await api.redis.call(on, ...undo);
      expect((await api.trigger(id, { source: "file-write" })).status).toBe(202);
    },
  );
});
