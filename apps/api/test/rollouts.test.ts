import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { RolloutDriver, Rollouts } from "@restart-coordinator/fleet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { showMember, showRollout } from "../src/representation.ts";
import { type ProblemBody, TOKENS, useApi } from "./support/api.ts";
import { EventReader } from "./support/event-reader.ts";
import type { Answer } from "./support/http.ts";

type RolloutBody = ReturnType<typeof showRollout>;
type WholeRollout = RolloutBody & { members: ReturnType<typeof showMember>[]; nextCursor: number | null };

const api = useApi();
let driver: RolloutDriver;

beforeAll(() => {
  const { redis } = api;
  const prefix = api.config.RESTART_PREFIX;
  const coordinator = new RestartCoordinator(new Installation({ redis, prefix }));
  driver = new RolloutDriver({ rollouts: new Rollouts(coordinator.installation), coordinator, owner: "test" });
});
afterAll(() => driver.leave());

const post = <Body = RolloutBody>(body: unknown, headers = {}): Promise<Answer<Body>> =>
  api.ask<Body>("POST", "/rollouts", { body: body as Record<string, unknown>, headers });
const get = async (id: string, query = ""): Promise<WholeRollout> =>
  (await api.ask<WholeRollout>("GET", `/rollouts/${id}${query}`)).json;
const steer = <Body = RolloutBody>(id: string, verb: string, body?: Record<string, unknown>): Promise<Answer<Body>> =>
  api.ask<Body>("POST", `/rollouts/${id}/${verb}`, { body });

async function made(body: Record<string, unknown>): Promise<RolloutBody> {
  const { status, json } = await post(body);
  expect(status, JSON.stringify(json)).toBe(202);
  return json;
}

async function workspaces(count: number, entry: Record<string, unknown> = {}): Promise<string[]> {
  const ids = await Promise.all(Array.from({ length: count }, () => api.workspace(entry)));
  return ids.sort();
}

const statuses = ({ members }: WholeRollout) => Object.fromEntries(members.map((one) => [one.workspaceId, one.status]));

describe("making a rollout", () => {
  test("of ids: 202, its place, and what was asked with the defaults filled in", async () => {
    const [a, b] = (await workspaces(2)) as [string, string];
    const { status, headers, json } = await post({ ids: [b, a], reason: "new image", actor: "ada" });
    expect(status).toBe(202);
    expect(headers.location).toBe(`/rollouts/${json.id}`);
    expect(json).toMatchObject({
      state: "running",
      stopped: null,
      selector: null,
      source: "manual",
      reason: "new image",
      actor: "ada via admin",
      maxConcurrent: 5,
      splayMs: 0,
      canary: null,
      pauseOnFailure: 1,
      budget: null,
      endedAt: null,
      counts: { total: 2, waiting: 2, running: 0, done: 0, failed: 0, skipped: 0 },
    });
    const { members } = await get(json.id);
    expect(members.map(({ workspaceId }) => workspaceId)).toEqual([b, a]);
  });

  test("of a selector: those that match now, and no others later", async () => {
    const chosen = await workspaces(3, { tags: { team: "red" }, runtime: "node" });
    await workspaces(1, { tags: { team: "blue" }, runtime: "node" });
    await workspaces(1, { tags: { team: "red" }, runtime: "python" });
    const selector = { tags: { team: "red" }, runtime: "node", status: "offline" };
    const rollout = await made({ selector });
    await workspaces(1, { tags: { team: "red" }, runtime: "node" });
    expect(rollout).toMatchObject({ state: "running", selector, counts: { total: 3 } });
    expect((await get(rollout.id)).members.map(({ workspaceId }) => workspaceId)).toEqual(chosen);
  });

  test("of everything must be said aloud", async () => {
    await workspaces(1);
    const rollout = await made({ selector: { all: true }, canary: { percent: 1 } });
    expect(rollout.counts.total).toBeGreaterThan(1);
    expect(rollout.canaries).toEqual({ count: 1, passed: false });
  });

  test("of nobody is finished at once", async () => {
    expect(await made({ selector: { runtime: "cobol" } })).toMatchObject({ state: "finished", counts: { total: 0 } });
  });

  test.each([
    ["neither ids nor selector", {}, "expected either ids or selector"],
    ["both", { ids: ["a"], selector: { all: true } }, "expected either ids or selector"],
    ["an empty selector", { selector: {} }, 'or "all": true alone'],
    ["all and some", { selector: { all: true, runtime: "x" } }, 'or "all": true alone'],
    ["no ids", { ids: [] }, "ids: "],
    ["an id twice", { ids: ["a", "a"] }, "every id once"],
    ["what is no id", { ids: ["a/b"] }, "ids.0: "],
    ["an unknown source", { ids: ["a"], source: "nobody" }, 'unknown source "nobody"'],
    ["an unknown field", { ids: ["a"], maxConcurrency: 3 }, "maxConcurrency: unknown field"],
    ["no limit", { ids: ["a"], maxConcurrent: 0 }, "maxConcurrent: "],
    ["a canary without a number", { ids: ["a"], canary: {} }, 'expected {"count": n} or {"percent": n}'],
    ["a budget without a number", { ids: ["a"], budget: {} }, "expected maxFailures, maxDurationMs or both"],
    ["a splay for ever", { ids: ["a"], splayMs: 3_600_001 }, "splayMs: "],
  ])("with %s is a 400 that says so", async (_, body, detail) => {
    const { status, json } = await post<ProblemBody>(body);
    expect(status).toBe(400);
    expect(json.detail).toContain(detail);
  });

  test("again with the same Idempotency-Key finds the first; with another body it is a 422", async () => {
    const ids = await workspaces(1);
    const headers = { "idempotency-key": "deploy-42" };
    const first = await post({ ids }, headers);
    const again = await post({ ids }, headers);
    expect(again).toMatchObject({ status: 202, json: { id: first.json.id } });
    expect(await post({ ids, maxConcurrent: 2 }, headers)).toMatchObject({ status: 422 });
    const other = await api.ask<RolloutBody>("POST", "/rollouts", { body: { ids }, headers, token: TOKENS.operate });
    expect(other.json.id).not.toBe(first.json.id);
  });

  test("without the scope operate is a 403", async () => {
    const { status } = await api.ask("POST", "/rollouts", { body: { ids: ["a"] }, token: TOKENS.trigger });
    expect(status).toBe(403);
  });
});

describe("its course", () => {
  test("each is restarted with its source and a reason that names it, and is done with the cycle that covers it", async () => {
    const [a, b] = (await workspaces(2)) as [string, string];
    const rollout = await made({ ids: [a, b], maxConcurrent: 1, reason: "new image" });
    await driver.pass();
    const { why } = (await api.state(a)).restart;
    expect(why).toMatchObject([{ source: "manual", reasons: [`rollout ${rollout.id}: new image`], actors: ["admin"] }]);
    expect((await api.state(b)).restart.phase).toBe("idle");
    expect(statuses(await get(rollout.id))).toEqual({ [a]: "running", [b]: "waiting" });

    await api.cycle(a);
    await driver.pass();
    const half = await get(rollout.id);
    expect(statuses(half)).toEqual({ [a]: "done", [b]: "running" });
    expect(half.members[0]?.cycleId).toBe((await api.state(a)).restart.lastCycle?.id);
    await api.cycle(b);
    await driver.pass();
    expect(await get(rollout.id, "?limit=0")).toMatchObject({ state: "finished", counts: { done: 2 }, members: [] });
  });

  test("one that restarted by itself since then is done; one that did before is restarted", async () => {
    const [early, late] = (await workspaces(2)) as [string, string];
    const restart = async (id: string) => {
      await api.post(id, "restart", {});
      await api.cycle(id);
    };
    await restart(early);
    const rollout = await made({ ids: [early, late] });
    await restart(late);
    await driver.pass();
    const { members } = await get(rollout.id);
    expect(members).toMatchObject([
      { workspaceId: early, status: "running", byItself: false },
      { workspaceId: late, status: "done", byItself: true },
    ]);
    expect((await api.state(late)).restart.phase).toBe("idle");
    await steer(rollout.id, "abort");
  });

  test("one that may not be restarted is skipped with the rule, and is no failure", async () => {
    const [held, paused, external] = (await workspaces(3)) as [string, string, string];
    await api.post(held, "hold", {});
    await api.post(paused, "pause");
    await api.ask("PUT", `/workspaces/${external}`, { body: { runtime: "external" } });
    const rollout = await made({ ids: [held, paused, external, "nobody"] });
    await driver.pass();
    const { state, counts, members } = await get(rollout.id);
    expect(members.map(({ status, rule }) => [status, rule])).toEqual([
      ["skipped", "held"],
      ["skipped", "paused"],
      ["skipped", "external"],
      ["skipped", "removed"],
    ]);
    expect({ state, counts }).toMatchObject({ state: "finished", counts: { skipped: 4, failed: 0 } });
  });

  test("a source that drops in the cooldown is asked again once that is over", async () => {
    const [a] = (await workspaces(1)) as [string];
    await api.post(a, "restart", {});
    await api.cycle(a);
    const rollout = await made({ ids: [a], source: "startup" });
    await driver.pass();
    await driver.pass();
    expect(statuses(await get(rollout.id))).toEqual({ [a]: "running" });
    expect((await api.state(a)).restart.phase).toBe("idle");
    // The cooldown's end, without waiting for it.
    await api.redis.del(...(await api.keys(`0}:started-at:${a}`)));
    await driver.pass();
    await api.cycle(a);
    await driver.pass();
    expect((await get(rollout.id)).state).toBe("finished");
  });

  test("a failed canary pauses it; resumed it goes on, aborted it ends", async () => {
    const ids = await workspaces(3);
    const rollout = await made({ ids, canary: { count: 1 } });
    await driver.pass();
    await api.cycle(ids[0] as string, { outcome: "failed", error: "no such image", retryable: false });
    await driver.pass();
    const paused = await get(rollout.id);
    expect(paused).toMatchObject({ state: "paused", stopped: { by: "canary" }, counts: { failed: 1, waiting: 2 } });
    expect(paused.members[0]).toMatchObject({ status: "failed", error: "no such image" });
    expect((await steer(rollout.id, "resume")).json).toMatchObject({ state: "running", stopped: null });
    await driver.pass();
    expect(await get(rollout.id, "?status=running")).toMatchObject({ counts: { running: 2 } });
    expect((await steer(rollout.id, "abort", { reason: "enough" })).json).toMatchObject({
      state: "aborting",
      stopped: { by: "person", actor: "admin", reason: "enough" },
    });
    for (const id of ids.slice(1)) await api.cycle(id);
    await driver.pass();
    expect(await get(rollout.id)).toMatchObject({ state: "aborted", counts: { done: 2, failed: 1 } });
    expect(await steer<ProblemBody>(rollout.id, "resume")).toMatchObject({
      status: 409,
      json: { type: "rollout-over" },
    });
    expect(await steer(rollout.id, "abort")).toMatchObject({ status: 202 });
  });

  test("is told on the feed of all events, from start to end", async () => {
    const [a] = (await workspaces(1)) as [string];
    const headers = { authorization: `Bearer ${api.token}` };
    const reader = await EventReader.open(api.port, "/events", headers);
    const rollout = await made({ ids: [a] });
    await driver.pass();
    await api.cycle(a);
    await driver.pass();
    const names: (string | undefined)[] = [];
    while (names.at(-1) !== "ROLLOUT_FINISHED") {
      const told = await reader.next();
      if (told?.data.payload?.rollout === rollout.id) names.push(told.event);
    }
    expect(names).toEqual(["ROLLOUT_STARTED", "ROLLOUT_WORKSPACE_SETTLED", "ROLLOUT_FINISHED"]);
    reader.close();
  });
});

describe("looking", () => {
  test("lists them newest first, by page and by state", async () => {
    const ids = await workspaces(1);
    const older = await made({ ids });
    const newer = await made({ selector: { runtime: "nothing" } });
    const list = async (query: string) =>
      (await api.ask<{ rollouts: RolloutBody[]; nextCursor: string | null }>("GET", `/rollouts${query}`)).json;
    const first = await list("?limit=1");
    expect(first).toMatchObject({ rollouts: [{ id: newer.id }], nextCursor: newer.id });
    expect((await list(`?limit=1&cursor=${newer.id}`)).rollouts).toMatchObject([{ id: older.id }]);
    expect((await list("?state=finished&limit=200")).rollouts.map(({ state }) => state)).not.toContain("running");
    expect((await api.ask("GET", "/rollouts?cursor=r-none")).status).toBe(400);
  });

  test("pages through its members", async () => {
    const ids = await workspaces(3);
    const rollout = await made({ ids });
    const first = await get(rollout.id, "?limit=2");
    expect(first).toMatchObject({ nextCursor: 2 });
    const rest = await get(rollout.id, `?limit=2&cursor=${first.nextCursor}`);
    expect([...first.members, ...rest.members].map(({ workspaceId }) => workspaceId)).toEqual(ids);
    expect(rest.nextCursor).toBeNull();
  });

  test.each([
    ["GET", ""],
    ["POST", "/pause"],
    ["POST", "/resume"],
    ["POST", "/abort"],
  ])("%s /rollouts/{id}%s of none is a 404", async (method, verb) => {
    const { status, json } = await api.ask(method, `/rollouts/r-none${verb}`);
    expect({ status, type: json.type }).toEqual({ status: 404, type: "unknown-rollout" });
  });
});

describe("the feed of all events", () => {
  test("resumes after the last event of a rollout that was seen; an id without one repeats none", async () => {
    const headers = { authorization: `Bearer ${api.token}` };
    const open = (id: string | undefined) =>
      EventReader.open(api.port, "/events?event=ROLLOUT_STARTED", {
        ...headers,
        ...(id !== undefined && { "Last-Event-ID": id }),
      });
    const first = await open(undefined);
    const seen = await made({ ids: ["nobody"] });
    const told = await first.next();
    expect(told?.data.payload?.rollout).toBe(seen.id);
    first.close();
    const missed = await made({ ids: ["nobody"] });
    const resumed = await open(told?.id);
    expect((await resumed.next())?.data.payload?.rollout).toBe(missed.id);
    resumed.close();
    const older = await open(told?.id?.split("/")[0]);
    const later = await made({ ids: ["nobody"] });
    expect((await older.next())?.data.payload?.rollout).toBe(later.id);
    older.close();
  });
});
