import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { EVENTS } from "../src/vocabulary.ts";
import { useRedis } from "./support/redis.ts";
import { ACTIVITY_TTL_MS, at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

/** What the transition wrote, oldest first, without the workspace's id. */
async function told(one: TestWorkspace, transition: () => Promise<unknown>) {
  const before = (await one.events()).length;
  await transition();
  const events = (await one.events()).slice(before);
  for (const { workspace_id, timestamp } of events)
    expect({ workspace_id, timestamp }).toEqual({ workspace_id: one.id, timestamp: one.now });
  return events.map(({ event, payload }) => ({ event, payload }));
}

const covers = (count: number, ms = 0) => [{ source: "file-write", count, firstAt: at(ms), lastAt: at(ms) }];

async function running(): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.begun();
  return one;
}

describe("a cycle tells", () => {
  test("its begin, what it covers and who asked; each attempt; how it ended", async () => {
    const one = await workspace();
    expect(await told(one, () => one.at(0).trigger("file-write"))).toEqual([]);
    const begun = await told(one, () => one.at(1_000).begun());
    const { cycleId: cycle, generation } = one.attempt ?? {};
    expect(begun).toEqual([
      {
        event: "WORKSPACE_AUTO_RESTART_FIRED",
        payload: { cycle, generation, auto: true, because: "at-once", askedAt: at(0), covers: covers(1) },
      },
      { event: "WORKSPACE_PROVISIONING", payload: { cycle, generation, attempt: 1, how: "new" } },
    ]);
    const common = { cycle, generation, action: "restart", startedAt: at(1_000), askedAt: at(0) };
    expect(await told(one, () => one.at(3_000).end("failed"))).toEqual([
      {
        event: "WORKSPACE_RESTART_FAILED",
        payload: {
          ...common,
          attempt: 1,
          outcome: "failed",
          durationMs: 2_000,
          error: "it broke",
          retryAt: at(8_000),
        },
      },
    ]);
    const [retry] = await told(one, () => one.at(8_000).begun());
    expect(retry).toEqual({
      event: "WORKSPACE_PROVISIONING",
      payload: { cycle, generation, attempt: 2, how: "retry" },
    });
    await one.trigger("file-write");
    const instance = { pid: 7, url: "http://127.0.0.1" };
    expect(await told(one, () => one.at(9_000).end("ok", { instance }))).toEqual([
      {
        event: "WORKSPACE_ONLINE",
        payload: {
          ...common,
          attempt: 2,
          outcome: "ok",
          durationMs: 8_000,
          instance,
          covers: covers(1),
          nextDueAt: at(61_000),
          observed: generation,
        },
      },
    ]);
  });

  test.each([
    ["manual", false],
    ["file-write", true],
    ["startup", true],
  ])("whether it was automatic: by %s", async (source, auto) => {
    const one = await workspace();
    await one.trigger(source);
    const [fired] = await told(one, () => one.begun());
    expect(fired).toMatchObject({ event: "WORKSPACE_AUTO_RESTART_FIRED", payload: { auto } });
  });

  test("a takeover as a further attempt at the same restart", async () => {
    const one = await running();
    const { cycleId: cycle, generation } = one.attempt ?? {};
    expect(await told(one, () => one.at(LEASE_MS).begun())).toEqual([
      { event: "WORKSPACE_PROVISIONING", payload: { cycle, generation, attempt: 2, how: "takeover" } },
    ]);
  });

  test.each([
    ["failed", "WORKSPACE_RESTART_FAILED"],
    ["declined", "WORKSPACE_RESTART_DECLINED"],
  ] as const)("that it %s for good, what it did not cover, and when somebody looks again", async (outcome, event) => {
    const one = await running();
    const dueAt = outcome === "declined" ? { nextDueAt: at(60_000) } : {};
    const events = await told(one, () => one.end(outcome, { retryable: false }));
    expect(events).toMatchObject([{ event, payload: { outcome, error: "it broke", covers: covers(1), ...dueAt } }]);
    expect(events[0]?.payload.retryAt).toBeUndefined();
  });

  test("a stop and a resume that cover no trigger", async () => {
    const one = await workspace();
    const paused = await told(one, () => one.at(0).desire("paused"));
    const { generation } = (await one.state()).restart;
    expect(paused).toEqual([{ event: "WORKSPACE_PAUSED", payload: { desired: "paused", generation, actor: "ann" } }]);
    expect(await told(one, () => one.begun()), "a stop is no restart").toEqual([]);
    expect(await told(one, () => one.end())).toMatchObject([
      { event: "WORKSPACE_OFFLINE", payload: { action: "stop" } },
    ]);
    expect(await told(one, () => one.at(1_000).desire("running"))).toMatchObject([
      { event: "WORKSPACE_RESUMED", payload: { desired: "running", actor: "ann" } },
    ]);
    const [fired] = await told(one, () => one.begun());
    expect(fired).toMatchObject({
      event: "WORKSPACE_AUTO_RESTART_FIRED",
      payload: { auto: false, askedAt: at(1_000) },
    });
    expect(fired?.payload.covers, "a list, or nothing").toBeUndefined();
    const [online] = await told(one, () => one.end());
    expect(online).toMatchObject({ event: "WORKSPACE_ONLINE" });
  });
});

describe("a trigger tells", () => {
  test("that it was coalesced, once for an owed cycle", async () => {
    const one = await running();
    const { cycleId: cycle } = one.attempt ?? {};
    const events = await told(one, async () => {
      for (const source of ["file-write", "file-write", "secret-change", "manual"]) await one.at(1_000).trigger(source);
    });
    expect(events).toEqual([
      {
        event: "WORKSPACE_RESTART_COALESCED",
        payload: { source: "file-write", rule: "running", generation: at(1_000), dueAt: at(60_000), cycle },
      },
    ]);
    await one.end();
    await one.at(60_000).begun();
    expect(await told(one, () => one.trigger("file-write")), "and once for the next").toMatchObject([
      { event: "WORKSPACE_RESTART_COALESCED" },
    ]);
  });

  test("that it was dropped, once per window", async () => {
    const one = await running();
    await one.end();
    const drops = (ms: number) => told(one, () => one.at(ms).trigger("a2a-preflight"));
    const dropped = { source: "a2a-preflight", rule: "cooldown", untilAt: at(60_000) };
    expect(await drops(1_000)).toEqual([{ event: "WORKSPACE_RESTART_DROPPED", payload: dropped }]);
    expect(await drops(2_000)).toEqual([]);
    expect(await drops(59_999)).toEqual([]);
    const other = await told(one, () => one.trigger("liveness-offline"));
    expect(other, "each source for itself").toMatchObject([{ payload: { source: "liveness-offline" } }]);
    await one.at(60_000).trigger("manual");
    await one.begun();
    expect(await drops(60_001)).toMatchObject([{ payload: { rule: "running", cycle: one.attempt?.cycleId } }]);
  });

  test("that a write landed while a cycle ran, once per source, and its end counts them", async () => {
    const one = await running();
    const { cycleId: cycle } = one.attempt ?? {};
    const write = { write: true, count: 2, reasons: ["a.txt", "b.txt"] };
    const mid = { event: "WORKSPACE_RESTARTING_MID_WRITE" };
    const first = await told(one, () => one.at(1_000).trigger("file-write", write));
    expect(first.at(-1)).toEqual({
      ...mid,
      payload: {
        source: "file-write",
        rule: "running",
        decision: "coalesced",
        generation: at(1_000),
        cycle,
        count: 2,
        reasons: ["a.txt", "b.txt"],
      },
    });
    expect(await told(one, () => one.at(2_000).trigger("file-write", write)), "the receipt still says so").toEqual([]);
    expect(await one.trigger("file-write", write)).toMatchObject({ running: true });
    const other = () => one.trigger("template-import", { write: true });
    expect(await told(one, other)).toMatchObject([{ ...mid, payload: { source: "template-import", count: 1 } }]);
    expect(await told(one, () => one.trigger("file-write")), "what is no write").toEqual([]);
    const counted = [
      { source: "file-write", count: 6 },
      { source: "template-import", count: 1 },
    ];
    expect(await told(one, () => one.end())).toMatchObject([{ payload: { midWrites: counted } }]);
    expect(Object.keys((await one.view()).state).filter((field) => field.startsWith("midWrites"))).toEqual([]);
    expect(await told(one, () => one.at(3_000).trigger("file-write", write)), "after the cycle").not.toContainEqual(
      mid,
    );
  });

  test("its generation as a number, though it was dropped", async () => {
    const one = await running();
    const events = await told(one, () => one.at(1_000).trigger("a2a-preflight", { write: true }));
    expect(events).toMatchObject([
      { event: "WORKSPACE_RESTART_DROPPED" },
      { event: "WORKSPACE_RESTARTING_MID_WRITE", payload: { decision: "dropped", rule: "running", generation: at(0) } },
    ]);
  });

  test("that it superseded a retry", async () => {
    const one = await running();
    const { cycleId: cycle } = one.attempt ?? {};
    await one.end("failed");
    expect(await told(one, () => one.at(1_000).trigger("manual"))).toEqual([
      { event: "WORKSPACE_RESTART_CANCELED", payload: { outcome: "superseded", cycle, source: "manual" } },
    ]);
  });

  test("that it was refused, once in a while", async () => {
    const one = await workspace();
    await one.at(0).desire("paused");
    const refused = { source: "file-write", rule: "paused", count: 1, reasons: ["saved"] };
    const refuse = () => one.trigger("file-write", { write: true, reasons: ["saved"] });
    expect(await told(one, refuse)).toEqual([{ event: "WORKSPACE_RESTART_REFUSED", payload: refused }]);
    one.at(14_999);
    expect(await told(one, refuse)).toEqual([]);
    one.at(15_000);
    expect(await told(one, refuse)).toMatchObject([{ event: "WORKSPACE_RESTART_REFUSED" }]);
  });
});

describe("an operator's verb tells who and what", () => {
  test("hold, release, flush, cancel", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    expect(await told(one, () => one.hold(1_000))).toEqual([
      {
        event: "WORKSPACE_HELD",
        payload: { actor: "ann", hold: "ann", reason: "demo", endsAt: at(1_000), heldUntil: at(1_000) },
      },
    ]);
    expect(await told(one, () => one.at(500).release())).toEqual([
      {
        event: "WORKSPACE_RELEASED",
        payload: { actor: "ann", released: [{ hold: "ann", owner: "ann" }], dueAt: at(2_000) },
      },
    ]);
    expect(await told(one, () => one.flush())).toEqual([
      { event: "WORKSPACE_RESTART_FLUSHED", payload: { actor: "ann", dueAt: at(500) } },
    ]);
    const { generation } = (await one.state()).restart;
    const canceled = [{ source: "secret-change", count: 1, firstAt: at(0), lastAt: at(0) }];
    expect(await told(one, () => one.cancel())).toEqual([
      {
        event: "WORKSPACE_RESTART_CANCELED",
        payload: { actor: "ann", generation, observed: generation, triggers: 1, running: false, canceled },
      },
    ]);
  });

  test("a cancel under a running cycle, and how that then ended", async () => {
    const one = await running();
    const { cycleId: cycle, generation } = one.attempt ?? {};
    expect(await told(one, () => one.cancel())).toEqual([
      { event: "WORKSPACE_RESTART_CANCELED", payload: { actor: "ann", generation, triggers: 0, running: true, cycle } },
    ]);
    expect(await told(one, () => one.end("canceled"))).toMatchObject([
      { event: "WORKSPACE_RESTART_CANCELED", payload: { cycle, outcome: "canceled", covers: covers(1) } },
    ]);
  });
});

describe("the activity", () => {
  test("is newest first, and the newest 200", async () => {
    const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));
    const one = await running();
    for (let i = 1; i <= 210; i += 1) await one.at(i).hold(1_000);
    const activity = await coordinator.activity(one.id, 200);
    expect(activity).toHaveLength(200);
    expect(activity.map(({ timestamp }) => timestamp)).toEqual(Array.from({ length: 200 }, (_, i) => at(210 - i)));
    expect(await coordinator.activity(one.id, 3)).toEqual(activity.slice(0, 3));
    expect(await one.ttl("activity")).toBeGreaterThan(ACTIVITY_TTL_MS / 2);
  });

  /** What the shard's stream has of a workspace. */
  async function streamOf(one: TestWorkspace) {
    const entries = await own.redis.xrange(own.keys.forShard("events", 0), "-", "+");
    return entries
      .map(([, flat]) => Object.fromEntries(flat.flatMap((text, i) => (i % 2 ? [] : [[text, flat[i + 1]]]))))
      .filter(({ workspace_id }) => workspace_id === one.id)
      .map(({ event, workspace_id, timestamp, payload }) => ({
        event,
        workspace_id,
        timestamp: Number(timestamp),
        payload: JSON.parse(String(payload)),
      }));
  }

  test("is not crowded by a burst of writes in the middle of a cycle; the stream has each", async () => {
    const one = await running();
    for (let i = 1; i <= 20; i += 1) await one.at(i).trigger("file-write", { write: true });
    expect(await one.events("WORKSPACE_RESTARTING_MID_WRITE")).toHaveLength(1);
    const streamed = (await streamOf(one)).filter(({ event }) => event === "WORKSPACE_RESTARTING_MID_WRITE");
    expect(streamed).toHaveLength(20);
  });

  test("has every event that the shard's stream has, in the same order and words", async () => {
    const one = await running();
    await one.at(1_000).trigger("manual", { write: true });
    await one.end("declined");
    const stream = await streamOf(one);
    expect(stream).toEqual((await one.events()).map(({ id: _, ...event }) => event));
    expect(stream.length).toBeGreaterThan(4);
  });
});

test("every event is described, and nothing else", () => {
  const page = readFileSync(new URL("../../../docs/events.md", import.meta.url), "utf8");
  const described = [...page.matchAll(/^\| `((?:WORKSPACE|CLOCK|REDIS)_[A-Z_]+)`/gm)].map(([, name]) => name);
  expect(described.sort()).toEqual([...EVENTS].sort());
});
