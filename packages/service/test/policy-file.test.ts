import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POLICIES, type Policy, policyFor } from "@restart-coordinator/debounce";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LivePolicies, loadPolicies } from "../src/index.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "policy-file-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Settings = Omit<Parameters<typeof loadPolicies>[0], "RESTART_POLICY_FILE">;

function write(content: string, name = "policy.yaml"): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** The policy that a file gives. */
function policyOf(content: string, settings: Settings = {}): Policy {
  return loadPolicies({ ...settings, RESTART_POLICY_FILE: write(content) }).common;
}

describe("where a setting comes from", () => {
  test.each(["default", "seed", "settle"] as const)("the profile %s alone is that profile", (profile) => {
    expect(loadPolicies({ RESTART_PROFILE: profile }).common).toEqual(POLICIES[profile]);
    expect(policyOf(`profile: ${profile}`)).toEqual(POLICIES[profile]);
  });

  test.each(["", "# nothing yet\n", "{}", "sources: {}"])(
    "a file that says nothing (%j) changes nothing",
    (content) => {
      expect(policyOf(content)).toEqual(POLICIES.default);
    },
  );

  test("RESTART_PROFILE goes before the file's profile, and the file's overrides apply to it", () => {
    const policy = policyOf("profile: settle\nsources: {file-write: {windowMs: 7}}", { RESTART_PROFILE: "seed" });
    expect(policy.sources["file-write"]).toEqual({ ...POLICIES.seed.sources["file-write"], windowMs: 7 });
    expect(policy.sources["template-import"]).toEqual(POLICIES.seed.sources["template-import"]);
  });

  test("the cooldown is RESTART_COOLDOWN_MS, else the file's, else the profile's", () => {
    expect(policyOf("cooldownMs: 5000", { RESTART_COOLDOWN_MS: 0 }).cooldownMs).toBe(0);
    expect(policyOf("cooldownMs: 5000").cooldownMs).toBe(5_000);
    expect(policyOf("profile: seed").cooldownMs).toBe(60_000);
    expect(loadPolicies({ RESTART_COOLDOWN_MS: 1 }).common.cooldownMs).toBe(1);
  });
});

describe("overrides", () => {
  const yaml = "sources:\n  secret-change:\n    windowMs: 500\n    leading: true\nretry:\n  backoffMs: 10\n";
  const json = '{"sources": {"secret-change": {"windowMs": 500, "leading": true}}, "retry": {"backoffMs": 10}}';

  test.each([
    ["YAML", yaml],
    ["JSON", json],
  ])("from %s change what they name and nothing else", (_, content) => {
    expect(policyOf(content)).toEqual({
      ...POLICIES.default,
      retry: { ...POLICIES.default.retry, backoffMs: 10 },
      sources: {
        ...POLICIES.default.sources,
        "secret-change": { ...POLICIES.default.sources["secret-change"], windowMs: 500, leading: true },
      },
    });
  });

  test("the profiles themselves stay as they are", () => {
    const before = structuredClone(POLICIES);
    policyOf(yaml, { RESTART_COOLDOWN_MS: 1 });
    expect(POLICIES).toEqual(before);
  });

  test("a source of one's own is, where the file does not say, as plugin-change by default", () => {
    const policy = policyOf(
      "profile: seed\ncustomSources:\n  git-push: {windowMs: 5000, maxWaitMs: 30000}\n  webhook: {}",
    );
    const likePlugins = POLICIES.default.sources["plugin-change"];
    expect(policy.sources["git-push"]).toEqual({ ...likePlugins, windowMs: 5_000, maxWaitMs: 30_000 });
    expect(policy.sources.webhook).toEqual(likePlugins);
  });

  test("a source of one's own may have any name, those of objects' methods too", () => {
    expect(policyOf("customSources:\n  constructor: {}").sources.constructor).toEqual(
      POLICIES.default.sources["plugin-change"],
    );
  });
});

describe("parts that are shared in YAML", () => {
  test("by anchors and merge keys are laid together, what is said last before what is merged", () => {
    const content = `
sources:
  file-write: &fast {windowMs: 1000, maxWaitMs: 5000}
  template-import: {<<: *fast, windowMs: 2000}
workspaces:
  - &prod
    match: {ids: [a]}
    cooldownMs: 7
  - <<: *prod
    match: {ids: [b]}
    sources:
      secret-change: {<<: [{leading: true}, *fast]}
`;
    const { common, overrides } = loadPolicies({ RESTART_POLICY_FILE: write(content) });
    expect(common.sources["template-import"]).toMatchObject({ windowMs: 2_000, maxWaitMs: 5_000 });
    expect(overrides[1]?.match).toEqual({ ids: ["b"] });
    expect(overrides[1]?.policy).toMatchObject({ cooldownMs: 7 });
    expect(overrides[1]?.policy.sources["secret-change"]).toMatchObject({ leading: true, windowMs: 1_000 });
  });
});

describe("overrides for some workspaces", () => {
  const content = `
profile: settle
cooldownMs: 30000
sources: {file-write: {windowMs: 5000}}
customSources: {git-push: {like: file-write, windowMs: 100}}
workspaces:
  - name: prod
    match: {tags: {tier: prod}, runtime: docker}
    profile: default
    cooldownMs: 120000
    sources: {git-push: {trailing: false}}
  - match: {ids: [demo, other]}
    retry: {breakerAfter: 2}
`;
  const facts = (more: object) => ({ id: "w", tags: {}, runtime: undefined, ...more });

  test("are laid over what the file says in general, the first that matches", () => {
    const policies = loadPolicies({ RESTART_POLICY_FILE: write(content) });
    const prod = policyFor(policies, facts({ id: "demo", tags: { tier: "prod", x: "y" }, runtime: "docker" }));
    expect(prod).toEqual({
      ...POLICIES.default,
      cooldownMs: 120_000,
      sources: {
        ...POLICIES.default.sources,
        "file-write": { ...POLICIES.default.sources["file-write"], windowMs: 5_000 },
        "git-push": { ...POLICIES.default.sources["file-write"], windowMs: 100, trailing: false },
      },
    });
    const demo = policyFor(policies, facts({ id: "demo", tags: { tier: "prod" } }));
    expect(demo).toEqual({ ...policies.common, retry: { ...policies.common.retry, breakerAfter: 2 } });
    expect(policyFor(policies, facts({}))).toBe(policies.common);
  });

  test("go before RESTART_COOLDOWN_MS, which goes before what the file says in general", () => {
    const policies = loadPolicies({ RESTART_POLICY_FILE: write(content), RESTART_COOLDOWN_MS: 1 });
    expect(policies.common.cooldownMs).toBe(1);
    expect(policies.overrides.map(({ policy }) => policy.cooldownMs)).toEqual([120_000, 1]);
  });

  test("say where each value comes from", () => {
    const live = new LivePolicies({ RESTART_POLICY_FILE: write(content, "mine.yaml"), RESTART_COOLDOWN_MS: 1 });
    const { override, origins, profile } = live.explain(facts({ tags: { tier: "prod" }, runtime: "docker" }));
    expect({ override, profile }).toEqual({ override: "workspaces.0 (prod)", profile: "default" });
    expect(origins).toMatchObject({
      cooldownMs: "mine.yaml: workspaces.0 (prod)",
      "retry.backoffMs": "profile default",
      "sources.file-write.windowMs": "mine.yaml",
      "sources.file-write.trailing": "profile default",
      "sources.git-push.windowMs": "mine.yaml: customSources",
      "sources.git-push.maxWaitMs": "like file-write of profile default",
      "sources.git-push.trailing": "mine.yaml: workspaces.0 (prod)",
    });
    expect(live.explain(facts({})).origins.cooldownMs).toBe("RESTART_COOLDOWN_MS");
  });
});
