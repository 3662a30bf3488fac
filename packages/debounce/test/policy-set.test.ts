import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES, type Policy } from "../src/policy/policy.ts";
import {
  factsOf,
  type PolicyOverride,
  type PolicySet,
  policyFor,
  type WorkspaceMatch,
} from "../src/policy/policy-set.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();

const SECONDS = 1_000;
/** Each override can be told by its cooldown and by its window. */
function override(match: WorkspaceMatch, index: number): PolicyOverride {
  const ms = (index + 1) * 100 * SECONDS;
  const fileWrite = {
    ...POLICIES.settle.sources["file-write"],
    windowMs: ms,
    maxWaitMs: ms,
  } as Policy["sources"][string];
  const policy = {
    ...POLICIES.settle,
    cooldownMs: ms,
    sources: { ...POLICIES.settle.sources, "file-write": fileWrite },
  };
  return { name: `override ${index}`, match, policy };
}

function setOf(...matches: WorkspaceMatch[]): PolicySet {
  return { common: override({}, 99).policy, overrides: matches.map(override) };
}

/** What Redis was told to do about a fresh workspace: the window it claimed and the cooldown it stamped. */
async function seenInRedis(
  policies: PolicySet,
  id: string,
  entry: { tags?: Record<string, string>; runtime?: string },
) {
  const shared = { redis: own.redis, prefix: own.prefix, policy: { policies } };
  const coordinator = new RestartCoordinator(new Installation(shared));
  await coordinator.registry.register(id, { ...entry });
  const { transitions, keys } = coordinator.installation;
  const before = (await transitions.view(id)).now;
  await coordinator.trigger(id, { source: "file-write" });
  const windowMs = Number(await own.redis.get(keys.window("file-write", id))) - before;
  await coordinator.trigger(id, { source: "manual" });
  const begun = await new Cycles(new Installation({ ...shared }), { worker: "test" }).begin(id);
  if (begun.kind !== "begun") throw new Error(`expected a cycle, got ${begun.kind}`);
  begun.lease.abandon();
  const cooldownMs = Number((await transitions.view(id)).cooldownEndsAt) - begun.lease.cycle.now;
  return { windowMs: Math.floor(windowMs / 100_000) * 100_000, cooldownMs };
}

const TAGS = { tier: "prod", team: "a" };
describe("a workspace has the first override that matches it", () => {
  test.each<[string, WorkspaceMatch[], number]>([
    ["by id", [{ ids: ["other"] }, { ids: ["x", "demo"] }], 200],
    ["by a tag", [{ tags: { tier: "test" } }, { tags: { tier: "prod" } }], 200],
    ["by all its tags", [{ tags: { tier: "prod", team: "b" } }, { tags: TAGS }], 200],
    ["by its runtime", [{ runtime: "vm" }, { runtime: "docker" }], 200],
    [
      "by all that is given",
      [
        { ids: ["demo"], runtime: "vm" },
        { ids: ["demo"], runtime: "docker", tags: TAGS },
      ],
      200,
    ],
    ["in the order of the file", [{ tags: { tier: "prod" } }, { ids: ["demo"] }], 100],
    ["else the common one", [{ ids: ["other"] }, { tags: { none: "" } }], 10_000],
  ])("%s", async (_, matches, seconds) => {
    const id = "demo";
    await new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix })).registry.forget(id, {
      actor: "test",
    });
    const seen = await seenInRedis(setOf(...matches), id, { tags: TAGS, runtime: "docker" });
    expect(seen).toEqual({ windowMs: seconds * SECONDS, cooldownMs: seconds * SECONDS });
  });
});

test("the scripts choose as the pure function does, whatever the registry says", async () => {
  const name = fc.constantFrom("a", "b");
  const tags = fc.dictionary(name, fc.constantFrom("1", "2"), { maxKeys: 2 });
  const runtime = fc.constantFrom("docker", "vm");
  const match = fc.record({ ids: fc.subarray(["w", "x"]), tags, runtime }, { requiredKeys: [] });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(match, { maxLength: 4 }),
      fc.record({ tags, runtime }, { requiredKeys: [] }),
      async (matches, entry) => {
        run += 1;
        const id = `w${run}`;
        const policies = setOf(
          ...matches.map((one) => ({ ...one, ids: one.ids?.map((any) => (any === "w" ? id : any)) })),
        );
        const expected = policyFor(
          policies,
          factsOf(id, { ...entry, tags: JSON.stringify(entry.tags ?? {}) } as never),
        );
        const { cooldownMs } = expected;
        expect(await seenInRedis(policies, id, entry)).toEqual({ windowMs: cooldownMs, cooldownMs });
      },
    ),
    { numRuns: 60 },
  );
});

test("a set that was exchanged decides from the next trigger on", async () => {
  const provider = { policies: setOf() };
  const coordinator = new RestartCoordinator(
    new Installation({ redis: own.redis, prefix: own.prefix, policy: provider }),
  );
  await coordinator.registry.register("changing", {});
  expect(await coordinator.trigger("changing", { source: "file-write" })).toMatchObject({ decision: "coalesced" });
  await coordinator.verbs.cancel("changing", { actor: "test" });
  provider.policies = { common: POLICIES.default, overrides: [] };
  expect(await coordinator.trigger("changing", { source: "plugin-change" })).toMatchObject({ decision: "coalesced" });
  const known = { ...POLICIES.default, sources: { manual: POLICIES.default.sources.manual } } as Policy;
  provider.policies = { common: known, overrides: [] };
  await expect(coordinator.trigger("changing", { source: "file-write" })).rejects.toThrow(/file-write/);
});
