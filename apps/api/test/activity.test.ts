import { EVENTS } from "@restart-coordinator/debounce";
import { beforeAll, describe, expect, test } from "vitest";
import { type EventBody, type TestApi, useApi } from "./support/api.ts";

const api = useApi();
const page = async (id: string, query = "") =>
  (await api.ask<{ activity: EventBody[] }>("GET", `/workspaces/${id}/activity${query}`)).json.activity;

/** A Save that fired, a write in the middle of its cycle, probes, and a hold. */
async function eventful(of: TestApi): Promise<string> {
  const id = await of.workspace();
  await of.trigger(id, { source: "file-write", reason: "saved a", actor: "ann" });
  const lease = await of.begin(id);
  await of.ask("PUT", `/workspaces/${id}/files/b.txt`, { body: "b" });
  for (let n = 0; n < 3; n += 1) await of.trigger(id, { source: "liveness-offline" });
  await lease.end({ outcome: "ok", instance: { pid: 7 } });
  await of.post(id, "hold", { reason: "deploy" });
  return id;
}

const TOLD = [
  "WORKSPACE_HELD",
  "WORKSPACE_ONLINE",
  "WORKSPACE_RESTART_DROPPED",
  "WORKSPACE_RESTARTING_MID_WRITE",
  "WORKSPACE_RESTART_COALESCED",
  "WORKSPACE_PROVISIONING",
  "WORKSPACE_AUTO_RESTART_FIRED",
];

describe("GET /workspaces/{id}/activity", () => {
  let id = "";
  let activity: EventBody[] = [];
  beforeAll(async () => {
    id = await eventful(api);
    activity = await page(id);
  });
  const payloadOf = (event: string) => activity.find((each) => each.event === event)?.payload;

  test("tells what happened, newest first", () => {
    expect(activity.map(({ event }) => event)).toEqual(TOLD);
    const times = activity.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...times].sort().reverse());
  });

  test("each entry is a known event of this workspace, its time and what it is about", () => {
    for (const { event, workspace_id, timestamp, payload } of activity) {
      expect(EVENTS).toContain(event);
      expect(workspace_id).toBe(id);
      expect(new Date(timestamp).toISOString()).toBe(timestamp);
      expect(payload).toEqual(expect.any(Object));
    }
  });

  test("a restart says what it covers and that no person asked", () => {
    expect(payloadOf("WORKSPACE_AUTO_RESTART_FIRED")).toMatchObject({
      cycle: expect.stringMatching(/^c\d+$/),
      generation: expect.any(Number),
      auto: true,
      covers: [{ source: "file-write", count: 1, reasons: ["saved a"], actors: ["ann via admin"] }],
    });
  });

  test("a write in the middle of it is told with its path, and as covered by the next", () => {
    const cycle = payloadOf("WORKSPACE_AUTO_RESTART_FIRED")?.cycle;
    const about = { source: "file-write", rule: "running", cycle };
    expect(payloadOf("WORKSPACE_RESTARTING_MID_WRITE")).toMatchObject({
      ...about,
      decision: "coalesced",
      count: 1,
      reasons: ["wrote b.txt"],
    });
    expect(payloadOf("WORKSPACE_RESTART_COALESCED")).toMatchObject(about);
  });

  test("a drop is told once per window", () => {
    expect(payloadOf("WORKSPACE_RESTART_DROPPED")).toMatchObject({ source: "liveness-offline", rule: "running" });
  });

  test("the end of a cycle says how long it took and what runs now", () => {
    expect(payloadOf("WORKSPACE_ONLINE")).toMatchObject({
      outcome: "ok",
      attempt: 1,
      durationMs: expect.any(Number),
      instance: { pid: 7 },
      covers: [{ source: "file-write", count: 1 }],
    });
  });

  test.each([1, 3, 7, 200])("a limit of %i tells the newest of them", async (limit) => {
    expect(await page(id, `?limit=${limit}`)).toEqual(activity.slice(0, limit));
  });
});

describe("pages", () => {
  interface Page {
    readonly activity: readonly EventBody[];
    readonly nextBefore: string | null;
  }
  const read = async (id: string, query: string) =>
    (await api.ask<Page>("GET", `/workspaces/${id}/activity${query}`)).json;

  test.each([1, 2, 6, 7, 8])("of %i lead through all, each once and in order", async (limit) => {
    const id = await eventful(api);
    const all = (await read(id, "?limit=200")).activity;
    const found: EventBody[] = [];
    let next: string | null = null;
    do {
      const page: Page = await read(id, `?limit=${limit}${next === null ? "" : `&before=${next}`}`);
      expect(page.activity.length).toBeGreaterThan(0);
      found.push(...page.activity);
      next = page.nextBefore;
    } while (next !== null);
    expect(found).toEqual(all);
  });

  test("what happens while somebody reads on does not shift them", async () => {
    const id = await eventful(api);
    const first = await read(id, "?limit=3");
    const rest = (await read(id, "?limit=200")).activity.slice(3);
    await api.post(id, "release");
    expect((await read(id, `?limit=200&before=${first.nextBefore}`)).activity).toEqual(rest);
  });

  test.each(["", "x", "1", "-1-1", "1-1-1", "1-x"])("%j leads nowhere: 400", async (before) => {
    const { status, json } = await api.ask("GET", `/workspaces/x/activity?before=${before}`);
    expect({ status, json }).toMatchObject({ status: 400, json: { fields: [{ field: "before" }] } });
  });
});

test("a restart by a person is told as such", async () => {
  const id = await api.workspace();
  await api.post(id, "restart");
  await api.begin(id);
  const fired = (await page(id)).find(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED");
  expect(fired?.payload).toMatchObject({ auto: false, covers: [{ source: "manual" }] });
});

test("a restart nothing was owed for covers nothing", async () => {
  const id = await api.workspace();
  await api.post(id, "pause");
  await api.cycle(id);
  await api.post(id, "resume");
  await api.begin(id);
  const fired = (await page(id)).find(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED");
  expect(fired?.payload.auto).toBe(false);
  expect(fired?.payload.covers ?? []).toEqual([]);
});

test("a workspace nothing happened to has none", async () => {
  expect(await page(await api.workspace())).toEqual([]);
});

test("50 are told unless asked otherwise, 200 are kept", async () => {
  const id = await api.workspace();
  for (let n = 0; n < 210; n += 1) await api.post(id, "hold", { reason: `hold ${n}` });
  expect(await page(id)).toHaveLength(50);
  const all = await page(id, "?limit=200");
  expect(all).toHaveLength(200);
  expect([all[0]?.payload.reason, all[199]?.payload.reason]).toEqual(["hold 209", "hold 10"]);
});
