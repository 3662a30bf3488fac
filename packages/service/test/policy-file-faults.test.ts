import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigurationError, loadPolicies } from "../src/index.ts";

const directory = mkdtempSync(join(tmpdir(), "policy-file-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What is wrong with a file, a line for each problem; the file's name is left out. */
function problemsOf(content: string): string[] {
  const path = join(directory, "policy.yaml");
  writeFileSync(path, content);
  try {
    loadPolicies({ RESTART_POLICY_FILE: path });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const lines = error.message.split("\n  - ").slice(1);
    expect(lines.every((line) => line.includes(path))).toBe(true);
    return lines.map((line) => line.replace(path, "").replace(/^(: | at )/, ""));
  }
  return [];
}

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
    ["cooldownMs: 60s", /^cooldownMs: expected milliseconds, for example 60000 for a minute, got "60s"$/],
    ["cooldownMs: true", /^cooldownMs: expected milliseconds, for example 60000/],
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
    ["customSources: {File_Write: {}}", /^the source name "File_Write" must be lower-case letters, digits and hyphens/],
  ])("an impossible combination says why: %s", (content, expected) => {
    expect(problemsOf(content)).toEqual([expect.stringMatching(expected)]);
  });

  test.each([
    [
      "sources: {file-writes: {windowMs: 1}}",
      /^sources\.file-writes: unknown source "file-writes", did you mean "file-write"\? A source of your own is declared under customSources$/,
    ],
    [
      "customSources: {git-push: {}}\nworkspaces: [{match: {ids: [a]}, sources: {git-puhs: {}}}]",
      /^workspaces\.0\.sources\.git-puhs: unknown source "git-puhs", did you mean "git-push"\?/,
    ],
    ["customSources: {manual: {}}", /^customSources\.manual: this source is built in; override it under sources$/],
    ["customSources: {git-push: {like: plugin}}", /^customSources\.git-push\.like: .*"plugin-change"/],
    ["workspaces: [{match: {}, cooldownMs: 1}]", /^workspaces\.0\.match: expected ids, tags or runtime$/],
    ["workspaces: [{cooldownMs: 1}]", /^workspaces\.0\.match: .*object/],
    [
      "workspaces: [{match: {tag: {a: b}, ids: [a]}}]",
      /^workspaces\.0\.match: unknown field "tag", did you mean "tags"\?$/,
    ],
    [
      "workspaces: [{name: prod, match: {ids: [a]}, sources: {manual: {leading: false}}}]",
      /^workspaces\.0 \(prod\): sources\.manual is neither leading nor trailing/,
    ],
  ])("what is said of sources and of some workspaces: %s", (content, expected) => {
    expect(problemsOf(content)).toEqual([expect.stringMatching(expected)]);
  });

  test("all that is wrong is told at once, of whatever kind", () => {
    const content = `
profil: seed
cooldownMs: 60s
loop: {cycles: 1}
retry: {breakerAfter: 0, maxBackoffMs: 1}
quietHours: {timeZone: Europe/Berln, windows: [{from: soon, until: 0 6 * * *}, {from: 0 0 30 2 *, until: 0 6 * * *}]}
sources: {file-write: {windowMs: 5s, maxWaitMs: 1}, manual: {leading: false}, file-writes: {windowMs: 1}}
customSources: {git-push: {like: plugin}}
workspaces:
  - match: {}
    sources: {startup: {cooldown: ignore}, git-push: {windowMs: 1}}
  - name: prod
    match: {ids: [a]}
    cooldownMs: -1
    sources: {startup: {cooldown: ignore}, secret-change: {maxWaitMs: 1}}
    quietHours: {timeZone: UTC, windows: [{from: 0 6 * * *, until: 0 6 * * *}], except: [manuel]}
`;
    const starts = [
      'unknown field "profil", did you mean "profile"?',
      "cooldownMs: expected milliseconds",
      "loop.cycles must be",
      "retry.breakerAfter must be",
      "retry.maxBackoffMs (1) must not be below",
      "quietHours.timeZone: expected an IANA time zone",
      "quietHours.windows.0.from: expected a cron expression",
      'quietHours.windows.1.from: "0 0 30 2 *" never comes',
      "sources.file-write.windowMs: expected milliseconds",
      "sources.manual is neither leading nor trailing",
      'sources.file-writes: unknown source "file-writes"',
      "customSources.git-push.like: ",
      "workspaces.0.match: expected ids, tags or runtime",
      "workspaces.0: sources.startup is automatic and ignores the cooldown",
      "workspaces.1.cooldownMs: ",
      "workspaces.1 (prod): sources.startup is automatic and ignores the cooldown",
      "workspaces.1 (prod): sources.secret-change.maxWaitMs (1) is shorter",
      "workspaces.1.quietHours.windows: they never end",
      'workspaces.1.quietHours.except: unknown source "manuel", did you mean "manual"?',
    ];
    const problems = problemsOf(content);
    expect(problems.map((problem) => starts.find((start) => problem.startsWith(start)) ?? problem).sort()).toEqual(
      starts.sort(),
    );
  });

  test("what cannot be merged is told", () => {
    expect(problemsOf("sources: {manual: {<<: 5}}")).toEqual([expect.stringMatching(/merge/i)]);
  });

  test("text that is neither YAML nor JSON", () => {
    expect(problemsOf("sources: [")).toEqual([expect.stringContaining("cannot be read as YAML or JSON")]);
  });

  test("a file that is not there", () => {
    const path = join(directory, "nowhere.yaml");
    const load = () => loadPolicies({ RESTART_POLICY_FILE: path });
    expect(load).toThrow(ConfigurationError);
    expect(load).toThrow(`RESTART_POLICY_FILE ${path} cannot be read as YAML or JSON: ENOENT`);
  });
});
