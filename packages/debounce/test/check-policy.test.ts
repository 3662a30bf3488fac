import { describe, expect, test } from "vitest";
import { checkPolicy, ImpossiblePolicyError } from "../src/policy/check-policy.ts";
import { POLICIES, type Policy, PROFILES, type SourcePolicy } from "../src/policy/policy.ts";

const base = POLICIES.default;

const withSource = (change: Partial<SourcePolicy>, name = "file-write"): Policy => ({
  ...base,
  sources: { ...base.sources, [name]: { ...(base.sources["file-write"] as SourcePolicy), ...change } },
});

test.each(PROFILES)("the profile %s can work", (profile) => {
  expect(() => checkPolicy(POLICIES[profile])).not.toThrow();
});

describe("a policy that cannot work is refused, and the error names what and where", () => {
  const impossible: [string, Policy, RegExp][] = [
    [
      "neither leading nor trailing",
      withSource({ leading: false, trailing: false }),
      /file-write is neither leading nor trailing/,
    ],
    [
      "a deadline before the quiet",
      withSource({ maxWaitMs: 14_999 }),
      /file-write\.maxWaitMs \(14999\) is shorter than its windowMs \(15000\)/,
    ],
    [
      "automatic without a cooldown",
      withSource({ automatic: true, cooldown: "ignore" }),
      /file-write is automatic and ignores the cooldown/,
    ],
    ["half a millisecond", withSource({ windowMs: 0.5 }), /file-write\.windowMs must be a whole number.*got 0\.5/],
    ["a negative wait", withSource({ maxWaitMs: -1 }), /file-write\.maxWaitMs must be .*got -1/],
    ["no number", withSource({ windowMs: Number.NaN }), /got NaN/],
    ["for ever", withSource({ windowMs: Number.POSITIVE_INFINITY }), /got Infinity/],
    ["a source with a bar", withSource({}, "a|b"), /source name "a\|b"/],
    ["a source with a colon", withSource({}, "a:b"), /source name "a:b"/],
    ["a source without a name", withSource({}, ""), /source name ""/],
    ["a negative cooldown", { ...base, cooldownMs: -1 }, /cooldownMs must be .*got -1/],
    [
      "a cap below the backoff",
      { ...base, retry: { ...base.retry, maxBackoffMs: 1 } },
      /maxBackoffMs \(1\) must not be below retry\.backoffMs \(5000\)/,
    ],
    [
      "a cap that is none",
      { ...base, retry: { ...base.retry, maxBackoffMs: Number.NaN } },
      /retry\.maxBackoffMs must be .*got NaN/,
    ],
    [
      "a breaker that never lets anything through",
      { ...base, retry: { ...base.retry, breakerAfter: 0 } },
      /breakerAfter must be a whole number from 1, got 0/,
    ],
    ["a loop of one", { ...base, loop: { cycles: 1, withinMs: 0 } }, /loop\.cycles must be .* from 2 to 20.*got 1/],
    ["a loop of many", { ...base, loop: { cycles: 21, withinMs: 0 } }, /loop\.cycles must be .*got 21/],
    ["a loop in no time", { ...base, loop: { cycles: 2, withinMs: -1 } }, /loop\.withinMs must be .*got -1/],
    ["half a restart", { ...base, budget: { cycles: 0.5, downtimeMs: 0 } }, /budget\.cycles must be .*got 0\.5/],
    ["no downtime", { ...base, budget: { cycles: 0, downtimeMs: Number.NaN } }, /budget\.downtimeMs must be .*got NaN/],
  ];

  test.each(impossible)("%s", (_, policy, message) => {
    expect(() => checkPolicy(policy)).toThrow(ImpossiblePolicyError);
    expect(() => checkPolicy(policy)).toThrow(message);
  });

  test("what only looks odd is not", () => {
    for (const odd of [
      { windowMs: 0, leading: false, maxWaitMs: 0 },
      { trailing: false, maxWaitMs: 0 },
      { maxWaitMs: 15_000 },
    ]) {
      expect(() => checkPolicy(withSource(odd))).not.toThrow();
    }
    expect(() => checkPolicy({ ...base, cooldownMs: 0 })).not.toThrow();
    const off = { loop: { cycles: 0, withinMs: 0 }, budget: { cycles: 0, downtimeMs: 0 } };
    expect(() => checkPolicy({ ...base, ...off })).not.toThrow();
  });
});
