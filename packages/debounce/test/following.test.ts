import { describe, expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

/** A cycle that began at 0. */
async function running(policy = POLICIES.default): Promise<TestWorkspace> {
  const one = await workspace(undefined, policy);
  await one.at(0).trigger("file-write");
  await one.begun();
  return one;
}

describe("what arrives while a cycle runs", () => {
  test("stays owed, and is due at the cooldown's end when the cycle was shorter", async () => {
    const one = await running();
    expect(await one.at(1_000).trigger("file-write")).toMatchObject({ rule: "running", dueAt: at(60_000) });
    expect(await one.at(10_000).end()).toMatchObject({ what: "ok", dueAt: at(60_000) });
    expect(await one.wakeAt()).toBe(at(60_000));
    expect(await one.at(59_999).begin()).toMatchObject({ kind: "not-due", dueAt: at(60_000) });
    expect(await one.at(60_000).begun()).toMatchObject({ how: "new", covers: [{ count: 1 }] });
    await expectSound(one);
  });

  test("is due at the cycle's end when that was longer than cooldown and quiet", async () => {
    const one = await running();
    await one.at(65_000).renew();
    await one.trigger("secret-change");
    expect(await one.at(75_000).end()).toMatchObject({ what: "ok", dueAt: at(67_000) });
    expect(await one.begun()).toMatchObject({ how: "new", startedAt: at(75_000) });
  });

  test("moves the due time in the hash alone: the due set waits for the lease's end", async () => {
    const one = await running();
    for (const source of ["file-write", "secret-change", "manual", "startup"]) {
      await one.at(1_000).trigger(source);
      expect(await one.wakeAt(), source).toBe(at(LEASE_MS));
    }
    expect((await one.view()).state.hintId, "no hint is enqueued for it").toBeUndefined();
    await expectSound(one);
  });

  test("a person's is due at the cycle's very end", async () => {
    const one = await running();
    expect(await one.at(5_000).trigger("manual")).toMatchObject({ decision: "coalesced", rule: "running" });
    expect(await one.at(10_000).end()).toMatchObject({ dueAt: at(5_000) });
    expect(await one.begun()).toMatchObject({ how: "new", startedAt: at(10_000) });
  });

  test("is covered all together by one follow-up, however much it is", async () => {
    const one = await running();
    const sources = ["file-write", "secret-change", "plugin-change", "template-import", "startup"];
    // Start-up inside the cooldown is dropped, by its policy.
    const covered = sources.filter((source) => source !== "startup");
    for (let i = 1; i <= 5; i += 1) for (const source of sources) await one.at(i * 1_000).trigger(source);
    await one.end();
    const { covers } = await one.at(60_000).begun();
    expect(covers.map(({ source, count }) => [source, count])).toEqual(covered.map((source) => [source, 5]).sort());
    expect(await one.at(70_000).end()).toMatchObject({ what: "ok", dueAt: undefined });
    expect((await one.state()).restart).toMatchObject({ phase: "idle", why: [] });
    await expectSound(one);
  });

  test("is not covered by the cycle it meets, even if that has not read its files yet", async () => {
    const one = await running();
    const { generation } = await one.trigger("manual");
    await one.end();
    const { restart } = await one.state();
    expect(restart.observedGeneration).toBeLessThan(generation);
    expect(restart.phase).toBe("scheduled");
  });
});

describe("what arrives between a worker's last look and its going", () => {
  test("is told to be hinted by whoever triggers, for the worker may not look again", async () => {
    const one = await running();
    await one.at(1_000).end();
    expect(await one.begin()).toEqual({ kind: "idle" });
    const reply = await one.trigger("file-write");
    expect(reply).toMatchObject({ rule: "cooldown", dueAt: at(60_000) });
    expect(reply.hintId).toBeDefined();
    expect((await one.trigger("file-write")).hintId, "once").toBeUndefined();
    const sooner = await one.trigger("manual");
    expect(sooner.hintId, "and anew when it is due sooner").toBeDefined();
    expect(sooner.hintId).not.toBe(reply.hintId);
  });

  test("a hint that comes too early names the next one", async () => {
    const one = await workspace();
    await one.at(0).trigger("secret-change");
    await one.at(1_000).trigger("secret-change");
    const early = await one.at(2_000).begin();
    expect(early).toMatchObject({ kind: "not-due", dueAt: at(3_000) });
    expect(await one.at(3_000).begun()).toMatchObject({ how: "new" });
  });

  test("a hint too many finds nothing to do", async () => {
    const one = await running();
    await one.end();
    for (let i = 0; i < 3; i += 1) expect(await one.begin()).toEqual({ kind: "idle" });
    await expectSound(one);
  });
});

describe("a takeover", () => {
  test("does not cover what arrived after the cycle's first start", async () => {
    const one = await running();
    await one.at(5_000).trigger("file-write", { reasons: ["late"] });
    const taken = await one.at(LEASE_MS).begun("second");
    expect(taken).toMatchObject({ how: "takeover", covers: [{ source: "file-write", count: 1 }] });
    expect(await one.end()).toMatchObject({ what: "ok", dueAt: at(60_000) });
    expect((await one.state()).restart.why).toMatchObject([{ source: "file-write", count: 1, reasons: ["late"] }]);
    const next = await one.at(60_000).begun();
    expect(next).toMatchObject({ how: "new", covers: [{ count: 1, reasons: ["late"] }] });
    expect(next.generation).toBeGreaterThan(taken.generation);
  });
});

test("an observed generation is the one that was asked for when the cycle began", async () => {
  const one = await workspace();
  await one.trigger("file-write");
  const { generation } = await one.trigger("file-write");
  expect((await one.at(15_000).begun()).generation).toBe(generation);
  await one.trigger("manual");
  await one.end();
  expect((await one.state()).restart.observedGeneration).toBe(generation);
});

test("a steady stream of writes, one a second for ten minutes, costs a cycle every two minutes and loses none", async () => {
  const one = await workspace();
  const starts: number[] = [];
  let covered = 0;
  let endsAt = Number.POSITIVE_INFINITY;
  const act = async (): Promise<void> => {
    if (one.now >= endsAt) {
      await one.end();
      endsAt = Number.POSITIVE_INFINITY;
    }
    const wakeAt = await one.wakeAt();
    if (endsAt !== Number.POSITIVE_INFINITY || wakeAt === undefined || wakeAt > one.now) return;
    const { covers, startedAt } = await one.begun();
    starts.push(startedAt - at(0));
    covered += covers[0]?.count ?? 0;
    endsAt = one.now + 10_000;
  };
  for (let second = 0; second < 600; second += 1) {
    await one.at(second * 1_000).trigger("file-write");
    await act();
  }
  for (let second = 600; second < 800; second += 1) {
    one.at(second * 1_000);
    await act();
  }
  expect(covered).toBe(600);
  // Never quiet for 15 s: the deadline, 120 s after the first uncovered one, ends the wait.
  expect(starts).toEqual([0, 121_000, 242_000, 363_000, 484_000, 605_000]);
  await expectSound(one);
});
