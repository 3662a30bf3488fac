/** What callers of the library get wrong: each is told what was expected, what came and the nearest name, and changes nothing. */
import { afterEach, describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../src/checks.ts";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Cycles } from "../src/cycles/cycles.ts";
import { InvalidWorkspaceIdError } from "../src/errors.ts";
import { Installation, type InstallationOptions } from "../src/installation/installation.ts";
import { ImpossiblePolicyError } from "../src/policy/check-policy.ts";
import { POLICIES, type Policy, type SourcePolicy } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();

/** Callers need not be TypeScript. */
const wrong = <Type>(value: unknown): Type => value as Type;
const installationOf = (options: Record<string, unknown>) =>
  new Installation(wrong<InstallationOptions>({ redis: own.redis, prefix: own.prefix, ...options }));

const policyWith = (change: Partial<Policy>) => ({ policy: { ...POLICIES.default, ...change } });
const fileWrite = POLICIES.default.sources["file-write"] as SourcePolicy;
const sourceWith = (change: Record<string, unknown>) =>
  policyWith({ sources: { ...POLICIES.default.sources, "file-write": { ...fileWrite, ...change } as SourcePolicy } });

describe("an installation is not made", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["a misspelt option", { shard: 4 }, 'knows no "shard": did you mean "shards"? Known are redis, prefix, shards'],
    ["no lease", { leaseMs: 0 }, "expected leaseMs to be a whole number of milliseconds from 10 to 2147483647, got 0"],
    ["a lease that is no number", { leaseMs: "15s" }, 'got "15s"'],
    ["no time to live", { activityTtlMs: Number.NaN }, "expected activityTtlMs to be a whole number of milliseconds"],
    ["half a shard", { shards: 1.5 }, "expected shards to be a whole number from 1 to 1024, got 1.5"],
    ["no shards", { shards: 0 }, "got 0"],
    ["a prefix that leaves its hash tag", { prefix: "a}b" }, 'expected prefix to be 1 to 64 letters, digits, ".", "_"'],
    ["an empty prefix", { prefix: "" }, 'got ""'],
    ["no connection", { redis: { host: "localhost" } }, "expected redis to be a connection of ioredis"],
    ["replicas that are none", { replication: { minReplicas: -1, timeoutMs: 5 } }, "replication.minReplicas to be"],
    ["a misspelt replication", { replication: { minReplica: 1, timeoutMs: 5 } }, 'did you mean "minReplicas"?'],
  ])("with %s", (_, options, message) => {
    expect(() => installationOf(options)).toThrow(InvalidArgumentError);
    expect(() => installationOf(options)).toThrow(message);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["a negative cooldown", policyWith({ cooldownMs: -1 }), "cooldownMs must be a whole number of milliseconds"],
    ["a source that never starts anything", sourceWith({ leading: false, trailing: false }), "neither leading nor"],
    ["a misspelt field", sourceWith({ windowsMs: 3 }), 'knows no "windowsMs": did you mean "windowMs"?'],
    ["a field too few", sourceWith({ automatic: undefined }), "sources.file-write.automatic to be a boolean"],
    ["a cooldown of no kind", sourceWith({ cooldown: "wait" }), 'to be one of defer, drop, ignore, got "wait"'],
    [
      "no sources",
      { policy: { cooldownMs: 1, retry: POLICIES.default.retry } },
      "expected policy.sources to be an object",
    ],
    [
      "an override that cannot work",
      {
        policy: {
          policies: {
            common: POLICIES.default,
            overrides: [{ name: "x", match: {}, ...policyWith({ cooldownMs: -1 }) }],
          },
        },
      },
      "cooldownMs must be",
    ],
  ])("with a policy of %s", (_, options, message) => {
    expect(() => installationOf(options)).toThrow(ImpossiblePolicyError);
    expect(() => installationOf(options)).toThrow(message);
  });

  test("and policies that are exchanged later are checked before they judge anything", async () => {
    const provider = { policies: { common: POLICIES.default, overrides: [] } };
    const coordinator = new RestartCoordinator(installationOf({ policy: provider }));
    await coordinator.registry.register("exchanged", {});
    provider.policies = { common: { ...POLICIES.default, cooldownMs: -1 }, overrides: [] };
    const asked = coordinator.trigger("exchanged", { source: "file-write" });
    await expect(asked).rejects.toBeInstanceOf(ImpossiblePolicyError);
    await own.redis.del(...(await own.allKeys()));
  });
});

describe("a call changes nothing", () => {
  const installation = installationOf({});
  const coordinator = new RestartCoordinator(installation);
  const { registry, verbs } = coordinator;
  const cycles = new Cycles(installation, { worker: "w" });
  afterEach(async () => expect(await own.allKeys()).toEqual([]));

  const ID = "a b/..";
  test.each<[string, () => unknown]>([
    ["register", () => registry.register(ID, {})],
    ["desire", () => registry.desire(ID, "paused", { actor: "ann" })],
    ["forget", () => registry.forget(ID, { actor: "ann" })],
    ["deleteTraces", () => registry.deleteTraces(ID)],
    ["a parent", () => registry.register("child", { parentId: ID })],
    ["hold", () => verbs.hold(ID, { holdMs: 5, actor: "ann" })],
    ["release", () => verbs.release(ID, { actor: "ann" })],
    ["flush", () => verbs.flush(ID, { actor: "ann" })],
    ["cancel", () => verbs.cancel(ID, { actor: "ann" })],
    ["trigger", () => coordinator.trigger(ID, { source: "file-write" })],
    ["workspace", () => coordinator.workspace(ID)],
    ["restarting", () => coordinator.restarting(ID)],
    ["activity", () => coordinator.activity(ID)],
    ["begin", () => cycles.begin(ID)],
  ])("of %s with an id that is none", async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(InvalidWorkspaceIdError);
  });

  const trigger = (request: Record<string, unknown>) =>
    coordinator.trigger("ws", wrong({ source: "file-write", ...request }));
  test.each<[string, () => unknown, string]>([
    ["a hold of no time", () => verbs.hold("ws", { holdMs: Number.NaN, actor: "ann" }), "expected holdMs to be"],
    ["a hold for ever", () => verbs.hold("ws", { holdMs: Infinity, actor: "ann" }), "got Infinity"],
    ["a hold of nobody", () => verbs.hold("ws", { holdMs: 5, actor: "" }), "expected actor to be a text"],
    [
      "a misspelt hold",
      () => verbs.hold("ws", wrong({ holdMs: 5, actor: "a", reasons: "b" })),
      'did you mean "reason"?',
    ],
    [
      "a wish for what there is not",
      () => registry.desire("ws", wrong("bogus"), { actor: "a" }),
      'expected desired to be one of running, paused, hibernated, removed, got "bogus"',
    ],
    [
      "a change from what there is not",
      () => registry.desire("ws", "paused", wrong({ actor: "a", from: "on" })),
      "expected from to be one of",
    ],
    [
      "an entry with a misspelt field",
      () => registry.register("ws", wrong({ parentID: "x" })),
      'did you mean "parentId"?',
    ],
    [
      "tags that are none",
      () => registry.register("ws", wrong({ tags: { tier: 3 } })),
      "expected tags.tier to be a text, got 3",
    ],
    ["a page of none", () => registry.list({ limit: 0 }), "expected limit to be a whole number from 1 to 10000"],
    ["a trigger without a source", () => trigger({ source: undefined }), "expected source to be a text"],
    ["a trigger with a misspelt field", () => trigger({ reson: "x" }), 'did you mean "reason"?'],
    ["a reason that is none", () => trigger({ reason: 5 }), "expected reason to be a text, got 5"],
    ["files that are none", () => trigger({ files: "a.txt" }), "expected files to be a list of texts"],
    ["a wish about holds that there is not", () => trigger({ onHold: "ignore" }), "expected onHold to be one of queue"],
    ["a caller with a space", () => trigger({ idempotency: { key: "k", body: "", caller: "a b" } }), "A-Za-z0-9_-"],
    ["an idempotency key too long", () => trigger({ idempotency: { key: "k".repeat(256), body: "" } }), "1 to 255"],
    ["activity without end", () => coordinator.activity("ws", Infinity), "expected limit to be a whole number"],
    [
      "a sweep of a shard that there is not",
      () => cycles.sweep(1, 1_000).next(),
      "expected shard to be a whole number from 0 to 0, got 1",
    ],
    ["a sweep that never hints again", () => cycles.sweep(0, -1).next(), "expected rehintMs to be"],
  ])("with %s", async (_, call, message) => {
    const thrown = (async () => call())();
    await expect(thrown).rejects.toBeInstanceOf(InvalidArgumentError);
    await expect(thrown).rejects.toThrow(message);
  });

  test("nor is a coordinator or a worker's side made with an option that is none", () => {
    expect(() => new RestartCoordinator(installation, wrong({ ondue: () => {} }))).toThrow('did you mean "onDue"?');
    expect(() => new RestartCoordinator(installation, wrong({ onDue: "later" }))).toThrow(
      "expected onDue to be a function",
    );
    expect(() => new Cycles(installation, wrong({ workers: "w" }))).toThrow('did you mean "worker"?');
    expect(() => new Cycles(installation, { worker: "" })).toThrow(
      "expected worker to be a text of 1 to 200 characters",
    );
  });
});
