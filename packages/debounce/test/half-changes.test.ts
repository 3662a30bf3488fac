/** A script that raises has changed nothing: what it is given is looked at before its first write. */
import { readScript } from "@restart-coordinator/redis-scripts";
import { expect, test } from "vitest";
import { POLICIES } from "../src/policy/policy.ts";
import { SCRIPT_NAMES, type ScriptName } from "../src/transitions/script-names.ts";
import { useRedis } from "./support/redis.ts";
import { at, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);
const LUA = new URL("../lua/", import.meta.url);

const JSON_TEXTS = '{"reason":["saved"],"actor":["ann"],"file":["a.txt"]}';
const WINDOW = {
  windowMs: 15_000,
  leading: 1,
  trailing: 1,
  maxWaitMs: 120_000,
  cooldown: "defer",
  running: "follow-up",
};
const CHOICE = { quietHours: "[[1,2]]", alternatives: "" };

/** What each script is given when all is well, beside `id`, `now` and `activityTtlMs`. */
const GIVEN: Readonly<Record<ScriptName, Record<string, string | number>>> = {
  trigger: {
    ...{ source: "file-write", ...WINDOW, automatic: 0, loopCycles: 3, loopWithinMs: 60_000, ...CHOICE },
    ...{
      ignoresQuietHours: 0,
      count: 2,
      texts: JSON_TEXTS,
      firstTexts: JSON_TEXTS,
      write: 1,
      onHold: "queue",
      seenFence: "",
    },
    ...{ nonce: "n", idempotencyCaller: "c", idempotencyKey: "k", idempotencyBody: "b" },
  },
  begin: { owner: "w", leaseMs: 15_000, cooldownMs: 60_000, budgetCycles: 3, budgetDowntimeMs: 60_000, ...CHOICE },
  renew: { fence: "", leaseMs: 15_000, steps: "[]" },
  journal: { fence: "", leaseMs: 15_000, journal: "{}", steps: "[]" },
  end: {
    ...{ fence: "", outcome: "failed", retryable: 1, error: "broke", instance: '{"a":1}', backoffMs: 5_000 },
    ...{
      maxBackoffMs: 60_000,
      breakerAfter: 5,
      jitter: 0.5,
      pauseMs: 0,
      steps: "[]",
      specUsed: '{"spec":{}}',
      specSha: "",
      budgetCycles: 3,
      budgetDowntimeMs: 9,
    },
  },
  sweep: { offset: 0, count: 10, rehintMs: 1_000 },
  look: { intervalMs: 15_000, most: 10 },
  facts: {},
  seen: { ids: '["a"]', lookedAt: at(10) },
  observe: {
    ...{ fence: "", seen: "offline", detail: "gone", since: at(10), lookedAt: at(10), isOurs: 1, instance: '{"a":1}' },
    ...{ stray: "another", action: "restart", backoffMs: 5_000, maxBackoffMs: 60_000 },
  },
  drift: { fence: "", fields: '["command"]', target: "t" },
  reschedule: { leaseMs: 15_000, budgetCycles: 3, budgetDowntimeMs: 60_000, ...CHOICE },
  "rescheduling-ask": {},
  "rescheduling-take": { owner: "w", leaseMs: 15_000, settleMs: 0 },
  "rescheduling-end": { owner: "w", askedAt: at(0) },
  "zone-rules": { rules: "2026a", keptMs: 1_000 },
  register: { fields: '{"name":"n"}', drift: '["command"]', restart: 1 },
  desire: { desired: "paused", from: "", cascadeFrom: "", actor: "ann", reason: "r" },
  forget: { actor: "ann" },
  hold: { hold: "h", holdMs: 1_000, actor: "ann", reason: "r", renews: 0 },
  release: { which: "own", hold: "", actor: "ann" },
  flush: { actor: "ann" },
  cancel: { actor: "ann", reason: "r" },
  view: {},
  parent: { paused: 1, orphanOf: "" },
  census: {},
  emptied: {},
  shadow: { version: 0, next: "{}", since: at(0), ttlMs: 1_000 },
};

const HOSTILE = ["nan", "-1", "1e999", "0.5", "x", "{", ""];

/** Owed, running, held: what a script has most to change of. */
const SITUATIONS: Readonly<Record<string, (one: TestWorkspace) => Promise<unknown>>> = {
  owed: (one) => one.trigger("file-write"),
  running: async (one) => {
    await one.trigger("file-write");
    await one.begun();
    await one.at(10).trigger("file-write");
  },
};

/** What the keys hold, as it is. */
async function heldBy(keys: readonly string[]): Promise<(string | undefined)[]> {
  const dumps = await Promise.all(keys.map((key) => own.redis.dumpBuffer(key)));
  return dumps.map((dump) => dump?.toString("base64"));
}

test.each(SCRIPT_NAMES)("%s.lua changes nothing when it raises", async (name) => {
  const script = readScript<string>(LUA, name);
  let raised = 0;
  for (const [situation, bringAbout] of Object.entries(SITUATIONS)) {
    for (const hostile of HOSTILE) {
      const one = await workspace(`${name}-${situation}-${HOSTILE.indexOf(hostile)}`, POLICIES.default);
      await bringAbout(one);
      const fence = (await one.view()).state.fence ?? "";
      const base = { ...GIVEN[name], id: one.id, activityTtlMs: 600_000, now: at(20) };
      const given: Record<string, string | number> = "fence" in base ? { ...base, fence } : base;
      const keys = script.keys.map((role) =>
        role === "window" ? own.keys.window("file-write", one.id) : own.keys.forWorkspace(role as "state", one.id),
      );
      for (const arg of script.args) {
        const before = await heldBy(keys);
        const args = script.args.map((each) => (each === arg ? hostile : (given[each] as string)));
        const error = await own.redis.eval(script.lua, keys.length, ...keys, ...args).then(
          () => undefined,
          (reason: Error) => reason,
        );
        if (error === undefined) continue;
        raised += 1;
        expect(await heldBy(keys), `${arg} "${hostile}", ${situation}: ${error.message}`).toEqual(before);
      }
    }
  }
  expect(raised).toBeGreaterThan(0);
});
