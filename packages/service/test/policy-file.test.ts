import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POLICIES, type Policy } from "@restart-coordinator/debounce";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigurationError, loadPolicy } from "../src/index.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "policy-file-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Settings = Omit<Parameters<typeof loadPolicy>[0], "RESTART_POLICY_FILE">;

function write(content: string, name = "policy.yaml"): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** The policy that a file gives. */
function policyOf(content: string, settings: Settings = {}): Policy {
  return loadPolicy({ ...settings, RESTART_POLICY_FILE: write(content) });
}

/** What is wrong with a file, a line for each problem; the file's name is left out. */
function problemsOf(content: string): string[] {
  const path = write(content);
  try {
    loadPolicy({ RESTART_POLICY_FILE: path });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const lines = error.message.split("\n  - ").slice(1);
    expect(lines.every((line) => line.includes(path))).toBe(true);
    return lines.map((line) => line.replace(path, "").replace(/^(: | at )/, ""));
  }
  return [];
}

describe("where a setting comes from", () => {
  test.each(["default", "seed", "settle"] as const)("the profile %s alone is that profile", (profile) => {
    expect(loadPolicy({ RESTART_PROFILE: profile })).toEqual(POLICIES[profile]);
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
    expect(loadPolicy({ RESTART_COOLDOWN_MS: 1 }).cooldownMs).toBe(1);
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
    const policy = policyOf("profile: seed\nsources:\n  git-push: {windowMs: 5000, maxWaitMs: 30000}\n  webhook: {}");
    const likePlugins = POLICIES.default.sources["plugin-change"];
    expect(policy.sources["git-push"]).toEqual({ ...likePlugins, windowMs: 5_000, maxWaitMs: 30_000 });
    expect(policy.sources.webhook).toEqual(likePlugins);
  });

  test("a source of one's own may have any name, those of objects' methods too", () => {
    expect(policyOf("sources:\n  constructor: {}").sources.constructor).toEqual(
      POLICIES.default.sources["plugin-change"],
    );
  });
});

describe("a file that cannot work is told in plain words", () => {
  test.each([
    [
      "sources: {file-write: {windowMS: 1}}",
      ['sources.file-write: unknown field "windowMS", did you mean "windowMs"?'],
    ],
    ["sources: {file-write: {maxwait: 1}}", ['sources.file-write: unknown field "maxwait", did you mean "maxWaitMs"?']],
    ["cooldown: 5", ['unknown field "cooldown", did you mean "cooldownMs"?']],
    ["source: {}", ['unknown field "source", did you mean "sources"?']],
    ["retry: {backofMs: 1}", ['retry: unknown field "backofMs", did you mean "backoffMs"?']],
    [
      "profil: seed\nsources: {manual: {trailling: true}}",
      [
        'sources.manual: unknown field "trailling", did you mean "trailing"?',
        'unknown field "profil", did you mean "profile"?',
      ],
    ],
  ])("an unknown field names the nearest: %s", (content, expected) => {
    expect(problemsOf(content).sort()).toEqual(expected.sort());
  });

  test.each([
    ["profile: sed", /^profile: .*"default"\|"seed"\|"settle"/],
    ["cooldownMs: -1", /^cooldownMs: .*>=0/],
    ["cooldownMs: 1.5", /^cooldownMs: .*int/],
    ["cooldownMs: 60s", /^cooldownMs: .*expected number, received string/],
    ["sources: {manual: {cooldown: never}}", /^sources\.manual\.cooldown: .*"defer"\|"drop"\|"ignore"/],
    ["sources: {manual: {leading: 1}}", /^sources\.manual\.leading: .*boolean/],
    ["sources: {manual: null}", /^sources\.manual: .*object/],
    ["sources: [manual]", /^sources: .*record/],
    ["- profile", /expected object/],
    ["just text", /expected object/],
  ])("%s", (content, expected) => {
    expect(problemsOf(content)).toEqual([expect.stringMatching(expected)]);
  });

  test.each([
    ["sources: {manual: {leading: false}}", /^sources\.manual is neither leading nor trailing, .*set one of them$/],
    [
      "sources: {file-write: {maxWaitMs: 14999}}",
      /^sources\.file-write\.maxWaitMs \(14999\) is shorter than its windowMs \(15000\)/,
    ],
    [
      "sources: {startup: {cooldown: ignore}}",
      /^sources\.startup is automatic and ignores the cooldown.*"defer" or "drop"$/,
    ],
    ["retry: {maxBackoffMs: 1}", /^retry\.maxBackoffMs \(1\) must not be below retry\.backoffMs \(5000\)$/],
    ["retry: {breakerAfter: 0}", /^retry\.breakerAfter must be a whole number from 1, got 0$/],
    ["sources: {File_Write: {}}", /^the source name "File_Write" must be lower-case letters, digits and hyphens/],
  ])("an impossible combination says why: %s", (content, expected) => {
    expect(problemsOf(content)).toEqual([expect.stringMatching(expected)]);
  });

  test("text that is neither YAML nor JSON", () => {
    expect(problemsOf("sources: [")).toEqual([expect.stringContaining("cannot be read as YAML or JSON")]);
  });

  test("a file that is not there", () => {
    const path = join(directory, "nowhere.yaml");
    const load = () => loadPolicy({ RESTART_POLICY_FILE: path });
    expect(load).toThrow(ConfigurationError);
    expect(load).toThrow(`RESTART_POLICY_FILE ${path} cannot be read as YAML or JSON: ENOENT`);
  });
});
