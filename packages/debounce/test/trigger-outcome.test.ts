import { describe, expect, test } from "vitest";
import type { TriggerId } from "../src/triggers/trigger-id.ts";
import { formatTriggerId, parseTriggerId } from "../src/triggers/trigger-id.ts";
import { outcomeOf } from "../src/workspace/trigger-outcome.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, type Told, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });

const idOf = (one: TestWorkspace, { decision, rule, generation }: Told): TriggerId => ({
  decision,
  rule,
  generation,
  nonce: "nonce",
  workspaceId: one.id,
});

/** What is said of a trigger now. */
async function outcome(one: TestWorkspace, told: Told) {
  return outcomeOf(idOf(one, told), await one.state(), (await one.events()).reverse());
}

describe("what became of a trigger", () => {
  test("that was dropped or refused is known from its id", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    await one.begun();
    expect(await outcome(one, await one.trigger("a2a-preflight"))).toEqual({ status: "dropped", rule: "running" });
    await one.desire("paused");
    expect(await outcome(one, await one.trigger("manual"))).toEqual({ status: "refused", rule: "paused" });
  });

  test("is that it waits, then runs, then is done by the cycle that covered it", async () => {
    const one = await workspace();
    const told = await one.at(0).trigger("secret-change");
    expect(await outcome(one, told)).toEqual({ status: "pending", phase: "scheduled", dueAt: at(2_000) });
    const { cycleId } = await one.at(2_000).begun();
    expect(await outcome(one, told)).toEqual({ status: "running", cycleId, attempt: 1 });
    await one.end("failed");
    expect(await outcome(one, told)).toEqual({ status: "pending", phase: "backoff", dueAt: at(7_000) });
    await one.at(7_000).begun();
    expect(await outcome(one, told)).toEqual({ status: "running", cycleId, attempt: 2 });
    await one.end("ok");
    expect(await outcome(one, told)).toEqual({ status: "done", cycleId });
    await one.at(100_000).trigger("manual");
    await one.cycle();
    expect(await outcome(one, told), "by the first such cycle").toEqual({ status: "done", cycleId });
  });

  test("that came while a cycle ran is not that this one covers it", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual");
    await one.begun();
    const late = await one.at(1_000).trigger("manual");
    expect(await outcome(one, late)).toMatchObject({ status: "pending", phase: "running" });
    await one.end("ok");
    const { cycleId } = await one.begun();
    await one.end("ok");
    expect(await outcome(one, late)).toEqual({ status: "done", cycleId });
  });

  test("is that it failed once nothing tries again by itself", async () => {
    const one = await workspace();
    const told = await one.trigger("manual");
    await one.cycle("failed", { retryable: false });
    expect(await outcome(one, told)).toEqual({ status: "failed", error: "it broke" });
  });

  test("is that it waits while it is held or paused", async () => {
    const one = await workspace();
    await one.at(0).hold(60_000);
    const told = await one.trigger("manual");
    expect(await outcome(one, told)).toEqual({ status: "pending", phase: "held", dueAt: at(60_000) });
    await one.desire("paused");
    await one.cycle();
    expect(await outcome(one, told)).toMatchObject({ status: "pending", dueAt: undefined });
  });

  test("is that it was canceled", async () => {
    const one = await workspace();
    const told = await one.trigger("secret-change");
    await one.cancel();
    expect(await outcome(one, told)).toEqual({ status: "canceled" });
  });

  test("of a canceled cycle depends on whether it stopped", async () => {
    for (const end of ["canceled", "ok"] as const) {
      const one = await workspace();
      const covered = await one.at(0).trigger("manual");
      const { cycleId } = await one.begun();
      const waiting = await one.at(1_000).trigger("manual");
      await one.cancel();
      const later = await one.at(2_000).trigger("manual");
      await one.end(end);
      const expected = end === "ok" ? { status: "done", cycleId } : { status: "canceled" };
      expect(await outcome(one, covered), end).toEqual(expected);
      expect(await outcome(one, waiting), `${end}: it waited, and nothing covered it`).toEqual({ status: "canceled" });
      expect(await outcome(one, later), end).toMatchObject({ status: "pending" });
    }
  });

  test("whose cycle a pause stopped, or a person superseded, is that a later one covered it", async () => {
    for (const how of ["paused", "superseded"]) {
      const one = await workspace();
      const told = await one.at(0).trigger("manual");
      await one.begun();
      if (how === "paused") {
        await one.desire("paused");
        await one.end("canceled");
        await one.cycle();
        await one.desire("running");
      } else {
        await one.end("failed");
        await one.trigger("manual");
      }
      expect(await outcome(one, told), how).toMatchObject({ status: "pending" });
      const { cycleId } = await one.cycle();
      expect(await outcome(one, told), how).toEqual({ status: "done", cycleId });
    }
  });

  test("is unknown to another workspace, and when the state was forgotten", async () => {
    const [one, other] = [await workspace(), await workspace()];
    const told = await one.trigger("manual");
    expect(outcomeOf(idOf(one, told), await other.state(), [])).toBeUndefined();
    await one.cycle();
    await own.redis.del(own.keys.forWorkspace("state", one.id));
    expect(await outcome(one, told)).toBeUndefined();
  });

  test("is unknown to the next workspace of that name", async () => {
    const one = await workspace();
    const told = await one.at(0).trigger("manual");
    await one.cycle();
    await one.forget();
    await one.at(5_000).register();
    await one.trigger("manual");
    await one.cycle();
    expect(await outcome(one, told)).toBeUndefined();
  });

  test("is done though the activity does not reach back so far: by which cycle is not known", async () => {
    const one = await workspace();
    const told = await one.trigger("manual");
    await one.cycle();
    expect(outcomeOf(idOf(one, told), await one.state(), [])).toEqual({ status: "done", cycleId: undefined });
  });
});

describe("a trigger's id", () => {
  test.each(["a", "my.dotted.id", "-_-", "x".repeat(128)])(
    "carries the workspace %s and what was decided",
    (workspaceId) => {
      const id: TriggerId = {
        decision: "coalesced",
        rule: "quiet-hours",
        generation: at(1),
        nonce: "n_-1",
        workspaceId,
      };
      expect(parseTriggerId(formatTriggerId(id))).toEqual(id);
    },
  );

  test.each([
    "",
    "a.b.c",
    "fired.window.12.n",
    "fired.nothing.12.n.ws",
    "sent.window.12.n.ws",
    "fired.window.x.n.ws",
    "fired.window.-1.n.ws",
    "fired.window.12..ws",
    "fired.window.1e3.n.ws",
  ])("is not %j", (text) => {
    expect(parseTriggerId(text)).toBeUndefined();
  });
});
