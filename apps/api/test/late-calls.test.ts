/**
 * A call that was answered with 503 is not carried out later: not over a path to Redis that was silent and then broke, nor
 * over one that heals and delivers what it held back.
 * Whoever asked may ask again, and what others were promised meanwhile stands.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Line } from "../../../tests/faults/support/line.ts";
import { TestApi } from "./support/api.ts";
import { askedOf, named, pathOf, ROUTES } from "./support/routes.ts";

/** It reaches Redis directly; the replica, by the line. */
const other = new TestApi();
const replica = new TestApi({ beside: () => other });
let line: Line;
let id = "";

beforeAll(async () => {
  await other.start();
  line = await Line.to(Number(new URL(other.config.REDIS_URL).port));
  await replica.start({ REDIS_URL: `redis://127.0.0.1:${line.port}` });
});
afterAll(async () => {
  await replica.end();
  await other.end();
  line.close();
});
beforeEach(async () => {
  await replica.untilReady();
  id = await other.workspace();
});

/** Everything that is recorded, value by value; but for the windows, which run out by themselves. */
async function recorded(): Promise<Map<string, string>> {
  const keys = (await other.keys()).filter((key) => !key.includes(":window:"));
  const values = await Promise.all(keys.map((key) => other.redis.dumpBuffer(key)));
  return new Map(keys.map((key, i) => [key, values[i]?.toString("base64") ?? ""]));
}

async function redisNow(): Promise<number> {
  const [seconds, microseconds] = (await other.redis.time()).map(Number) as [number, number];
  return seconds * 1_000 + microseconds / 1_000;
}

const CHANGING = ROUTES.filter(({ method, withoutRedis }) => method !== "GET" && !withoutRedis);

describe("the way to Redis falls silent, then breaks", () => {
  test.each(named(CHANGING))("%s", async (_, route) => {
    // So that there is something to resume, release, flush and cancel.
    await other.trigger(id, { source: "file-write" });
    await other.post(id, "hold");
    const before = await recorded();
    line.silence();
    const { status } = await replica.ask(route.method, pathOf(route, id), askedOf(route));
    expect(status).toBe(503);
    line.reset();
    await replica.untilReady();
    expect(await recorded()).toEqual(before);
  });

  test("what another replica was told meanwhile stands", async () => {
    await other.trigger(id, { source: "file-write" });
    await other.post(id, "hold");
    line.silence();
    expect((await replica.post(id, "release")).status).toBe(503);
    expect((await other.post(id, "hold", { holdMs: 3_600_000 })).status).toBe(202);
    line.reset();
    await replica.untilReady();
    expect((await other.state(id)).restart.phase).toBe("held");
    expect((await replica.post(id, "release")).status).toBe(202);
  });
});

test("the way to Redis falls silent, then heals, and all that was sent arrives: nothing of any route is carried out", async () => {
  await other.trigger(id, { source: "file-write" });
  await other.post(id, "hold");
  // So that it knows Redis' clock, as a replica does that serves.
  await replica.post(id, "release", {});
  await other.post(id, "hold");
  const before = await recorded();
  const open = line.connections;
  line.silence();
  const answers = CHANGING.map((route) => replica.ask(route.method, pathOf(route, id), askedOf(route)));
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([503]));
  expect(line.heldBytes).toBeGreaterThan(0);
  // Some were given up with their connection, before their own time was over.
  const answeredAt = await redisNow();
  await vi.waitUntil(async () => (await redisNow()) >= answeredAt + 800, { timeout: 15_000, interval: 50 });
  line.heal();
  await replica.untilReady();
  // The connections that were given up have said all that they had to, and are closed.
  await vi.waitUntil(() => line.heldBytes === 0 && line.connections <= open, { timeout: 15_000, interval: 10 });
  expect(await recorded()).toEqual(before);
});
