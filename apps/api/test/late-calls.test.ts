/**
 * A call that was answered with 503 is not carried out later: not over a path to Redis that was silent and then broke.
 * Whoever asked may ask again, and what others were promised meanwhile stands.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
