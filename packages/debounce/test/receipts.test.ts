import { Redis } from "ioredis";
import { describe, expect, test, vi } from "vitest";
import { CoordinatorUnavailableError } from "../../redis-scripts/src/errors.ts";
import { RestartCoordinator } from "../src/coordinator.ts";
import { InvalidWorkspaceIdError, UnknownSourceError } from "../src/errors.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES, PROFILES } from "../src/policy/policy.ts";
import { parseTriggerId } from "../src/triggers/trigger-id.ts";
import { parseWhy } from "../src/triggers/why.ts";
import { expectSound } from "./support/invariants.ts";
import { useRedis } from "./support/redis.ts";
import { SITUATIONS } from "./support/situations.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 3 });
const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
let nonces = 0;
const fresh = () => `nonce-${++nonces}`;

/** Everything that a trigger could have changed. */
async function footprint(one: TestWorkspace) {
  const { now, ...snapshot } = await one.view();
  return { snapshot, events: await one.events(), wakeAt: await one.wakeAt() };
}

describe("a trigger that is sent again", () => {
  test.each([
    ["fired", "idle", "file-write"],
    ["coalesced", "running", "manual"],
    ["dropped", "cooling", "a2a-preflight"],
    ["refused", "paused", "manual"],
  ])("answers its first receipt and changes nothing: %s", async (decision, situation, source) => {
    const one = await workspace();
    await SITUATIONS[situation]?.(one);
    const nonce = fresh();
    const first = await one.trigger(source, { nonce, write: true });
    expect(first.decision).toBe(decision);
    const before = await footprint(one);
    one.now += 5_000;
    const again = await one.trigger(source, { nonce, write: true });
    expect(again).toEqual({ ...first, kind: "replayed", hintId: undefined });
    expect(await footprint(one)).toEqual(before);
  });

  test("is known as a batch, too: verdicts of the first and of the others", async () => {
    const one = await workspace();
    const nonce = fresh();
    const first = await one.trigger("file-write", { nonce, count: 7 });
    const { decision, rule, rest } = await one.trigger("file-write", { nonce, count: 7 });
    expect({ decision, rule, rest }).toEqual({ decision: "fired", rule: "window", rest: first.rest });
    expect((await one.state()).restart.why).toMatchObject([{ count: 7 }]);
  });

  test("is known for a minute at least, whatever happened meanwhile, and not for ever", async () => {
    const one = await workspace();
    const [soon, late] = [fresh(), fresh()];
    const { generation } = await one.at(0).trigger("file-write", { nonce: soon });
    await one.trigger("file-write", { nonce: late });
    await one.cycle();
    const again = await one.at(MINUTE).trigger("file-write", { nonce: soon });
    expect(again).toMatchObject({ kind: "replayed", generation });
    expect(await one.at(2 * MINUTE).trigger("file-write", { nonce: late })).toMatchObject({ kind: "judged" });
    const recent = (await own.allKeys()).filter((key) => key.includes(":recent:"));
    for (const key of recent) expect(await own.redis.pttl(key), key).toBeGreaterThan(0);
  });
});

describe("a request under an idempotency key", () => {
  const keyed = (key: string, body = "body") => ({ idempotencyKey: key, idempotencyBody: body, nonce: fresh() });

  test("finds its first receipt for 24 hours", async () => {
    const one = await workspace();
    const first = await one.at(0).trigger("manual", keyed("k"));
    await one.cycle();
    const again = await one.at(DAY - 1).trigger("manual", keyed("k"));
    expect(again).toMatchObject({
      kind: "replayed",
      decision: "fired",
      generation: first.generation,
      nonce: first.nonce,
    });
    expect(await one.at(DAY).trigger("manual", keyed("k"))).toMatchObject({ kind: "judged" });
  });

  test("is in conflict with another body, which changes nothing", async () => {
    const one = await workspace();
    await one.trigger("manual", keyed("k"));
    const before = await footprint(one);
    expect(await one.transitions.trigger(one.call("manual", keyed("k", "other")))).toEqual({ kind: "conflict" });
    expect(await footprint(one)).toEqual(before);
  });

  test("is known per workspace", async () => {
    const [one, other] = [await workspace(), await workspace()];
    await one.trigger("manual", keyed("k"));
    expect(await other.trigger("manual", keyed("k", "other"))).toMatchObject({ kind: "judged", decision: "fired" });
  });

  test("of a caller pushes out nobody else's: of each the newest 1,000 are kept", async () => {
    const one = await workspace();
    const theirs = { ...keyed("theirs"), idempotencyCaller: "ann" };
    const first = await one.at(0).trigger("manual", theirs);
    const asked = Array.from({ length: 1_001 }, (_, i) => {
      one.at(i);
      return one.trigger("manual", keyed(`k${i}`));
    });
    await Promise.all(asked);
    const key = own.keys.forWorkspace("idempotency", one.id);
    expect(await own.redis.hlen(key)).toBe(1_001);
    expect(await own.redis.zcard(own.keys.forWorkspace("idempotencyOrder", one.id))).toBe(1_001);
    expect(await own.redis.hexists(key, "library k0")).toBe(0);
    expect(await own.redis.hexists(key, "library k1000")).toBe(1);
    expect(await one.trigger("manual", theirs)).toMatchObject({ kind: "replayed", generation: first.generation });
    expect(await own.redis.pttl(key)).toBeGreaterThan(0);
  });

  test("keeps no more than one receipt of a key that is used again after its day", async () => {
    const one = await workspace();
    await one.at(0).trigger("manual", keyed("k"));
    await one.at(DAY).trigger("manual", keyed("k"));
    await one.at(2 * DAY).trigger("manual", keyed("other"));
    expect(await own.redis.zcard(own.keys.forWorkspace("idempotencyOrder", one.id))).toBe(1);
    expect(await own.redis.hlen(own.keys.forWorkspace("idempotency", one.id))).toBe(1);
  });

  test("that was refused is judged anew", async () => {
    const one = await workspace();
    await one.at(0).hold(60_000);
    const refused = await one.trigger("manual", { ...keyed("k"), onHold: "refuse" });
    expect(refused).toMatchObject({ decision: "refused", rule: "held" });
    const accepted = await one.at(60_000).trigger("manual", { ...keyed("k"), onHold: "refuse" });
    expect(accepted).toMatchObject({ kind: "judged", decision: "fired" });
    expect(await one.trigger("manual", keyed("k"))).toMatchObject({
      kind: "replayed",
      generation: accepted.generation,
    });
  });
});

describe("a receipt of the coordinator", () => {
  test("says what was decided, and its id says it again", async () => {
    await coordinator.registry.register("said", {});
    const fired = await coordinator.trigger("said", { source: "manual" });
    expect(fired).toMatchObject({ workspaceId: "said", source: "manual", decision: "fired", rule: "window" });
    expect(fired.dueAt).toBeLessThanOrEqual(fired.generation);
    const { decision, rule, generation, workspaceId } = fired;
    expect(parseTriggerId(fired.triggerId)).toMatchObject({ decision, rule, generation, workspaceId });
  });

  test("of an unknown workspace is a refusal that leaves no key", async () => {
    const { decision, rule } = await coordinator.trigger("nobody", { source: "manual", write: true });
    expect({ decision, rule }).toEqual({ decision: "refused", rule: "removed" });
    expect((await own.allKeys()).filter((key) => key.endsWith(":nobody"))).toEqual([]);
  });

  test.each(["unknown", "", "constructor", "__proto__", "toString"])(
    "is not given for the source %j",
    async (source) => {
      const sent = vi.spyOn(coordinator.installation.transitions, "trigger");
      await expect(coordinator.trigger("said", { source })).rejects.toBeInstanceOf(UnknownSourceError);
      expect(sent).not.toHaveBeenCalled();
      sent.mockRestore();
    },
  );

  test.each(["", ".hidden", "a/b", "a b", "ä", "a:b", "{x}", "x".repeat(129)])(
    "is not given for the id %j",
    async (id) => {
      await expect(coordinator.trigger(id, { source: "manual" })).rejects.toBeInstanceOf(InvalidWorkspaceIdError);
    },
  );

  test("is not given when Redis does not answer", async () => {
    const redis = new Redis(own.redis.options.port ?? 0, { lazyConnect: true, enableOfflineQueue: false });
    // ioredis tells this one, too, that it cannot send before it is connected.
    redis.on("error", () => {});
    const cutOff = new RestartCoordinator(new Installation({ redis, prefix: own.prefix }));
    await expect(cutOff.trigger("said", { source: "manual" })).rejects.toBeInstanceOf(CoordinatorUnavailableError);
    await expect(cutOff.workspace("said")).rejects.toBeInstanceOf(CoordinatorUnavailableError);
    await expect(cutOff.activity("said")).rejects.toBeInstanceOf(CoordinatorUnavailableError);
    redis.disconnect();
  });
});

describe.each(PROFILES)("every receipt is true under the profile %s", (profile) => {
  const policy = POLICIES[profile];
  const matrix = Object.entries(SITUATIONS);

  test.each(matrix)("%s", async (situation, reach) => {
    for (const source of Object.keys(policy.sources)) {
      const one = await workspace(undefined, policy);
      await reach(one);
      const before = await one.view();
      const { decision, rule, dueAt, generation, running } = await one.trigger(source);
      const told = `${source} while ${situation}: ${decision}/${rule}`;
      const after = await one.view();
      await expectSound(one, told);

      expect(running, told).toBe((await one.state()).restart.phase === "running");
      if (decision === "dropped" || decision === "refused") {
        expect(dueAt, told).toBeUndefined();
        expect(after.why, told).toEqual(before.why);
        expect(generation, told).toBe(Number(before.state.generation ?? 0));
        continue;
      }
      expect(countOf(source, after.why), told).toBeGreaterThan(countOf(source, before.why));
      expect(generation, told).toBeGreaterThan(Number(before.state.generation ?? 0));
      if (decision === "fired") expect(await one.begun(), told).toMatchObject({ how: "new", generation });
      else if (dueAt !== undefined && after.state.cycle === undefined && after.state.desireAt === undefined) {
        expect(await one.wakeAt(), told).toBe(dueAt);
        if (dueAt > one.now) expect(await one.begin(), told).toMatchObject({ kind: "not-due", dueAt });
        one.now = Math.max(one.now, dueAt);
        expect(await one.begun(), told).toMatchObject({ how: "new", generation });
      } else if (dueAt === undefined) expect(["breaker", "loop"], told).toContain(rule);
    }
  });
});

test("a receipt's due time under a running cycle is not before that of the follow-up", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.begun();
  const { dueAt } = await one.at(1_000).trigger("file-write");
  expect(dueAt).toBe(at(MINUTE));
  expect(await one.at(10_000).end()).toMatchObject({ dueAt });
});

function countOf(source: string, why: Readonly<Record<string, string>>): number {
  return parseWhy(why).find((owed) => owed.source === source)?.count ?? 0;
}
