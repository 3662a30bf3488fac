/** The policies in force: a profile, the file's own fields, the environment, and what the file says of some workspaces. */
import { basename } from "node:path";
import {
  BUILT_IN_SOURCES,
  POLICIES,
  type PolicyOverride,
  type PolicySet,
  type Profile,
  type SourcePolicy,
} from "@restart-coordinator/debounce";
import { ConfigurationError } from "../configuration-error.ts";
import { nearestTo } from "../environment.ts";
import { type ExplainedPolicy, impossibilityOf, LayeredPolicy } from "./layered-policy.ts";
import { aroundNow, impossibleQuietHours, type TimeSpan } from "./quiet-hours.ts";
import { parsePolicyFile, readText } from "./read.ts";
import type { PolicyFields, PolicyFile, WorkspaceOverride } from "./schema.ts";

export interface PolicySettings {
  readonly RESTART_PROFILE?: Profile | undefined;
  readonly RESTART_POLICY_FILE?: string | undefined;
  readonly RESTART_COOLDOWN_MS?: number | undefined;
}

/** A set of policies that can say where each value comes from. */
export interface ExplainedPolicySet extends PolicySet {
  readonly explainedCommon: ExplainedPolicy;
  readonly overrides: readonly (PolicyOverride & { readonly explained: ExplainedPolicy })[];
}

/** `span`: the time whose quiet hours matter. @throws ConfigurationError naming every field that is wrong */
export function loadPolicies(settings: PolicySettings, span = aroundNow(Date.now())): ExplainedPolicySet {
  const path = settings.RESTART_POLICY_FILE;
  return policiesOf(path === undefined ? "" : readText(path), settings, span);
}

/** `text`: the file's; empty without one. @throws ConfigurationError */
export function policiesOf(text: string, settings: PolicySettings, span: TimeSpan): ExplainedPolicySet {
  const path = settings.RESTART_POLICY_FILE ?? "policy";
  const file = parsePolicyFile(path, text);
  const problems = [...unknownSources(file), ...quietHoursProblems(file)].map((problem) => `${path} at ${problem}`);
  if (problems.length > 0) throw new ConfigurationError(problems);

  const origin = basename(path);
  const explainedCommon = layered(file, settings, origin).explained(span);
  const overrides = (file.workspaces ?? []).map((override, index) => {
    const name = override.name === undefined ? `workspaces.${index}` : `workspaces.${index} (${override.name})`;
    const policy = layered(file, settings, origin, override.profile);
    policy.lay(override, `${origin}: ${name}`);
    const explained = policy.explained(span);
    return { name, match: override.match, policy: explained.policy, explained };
  });

  const common = impossibilityOf(explainedCommon.policy);
  if (common !== undefined) problems.push(`${path}: ${common}`);
  // What cannot work in general is told once.
  for (const { name, policy } of common === undefined ? overrides : []) {
    const impossible = impossibilityOf(policy);
    if (impossible !== undefined) problems.push(`${path} at ${name}: ${impossible}`);
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { common: explainedCommon.policy, explainedCommon, overrides };
}

/** What counts for every workspace, laid over the profile: the file's own fields, then the environment. */
function layered(file: PolicyFile, settings: PolicySettings, origin: string, profile?: Profile): LayeredPolicy {
  const policy = new LayeredPolicy(profile ?? settings.RESTART_PROFILE ?? file.profile ?? "default");
  for (const [name, { like = "plugin-change", ...fields }] of Object.entries(file.customSources ?? {})) {
    policy.addSource(name, POLICIES.default.sources[like] as SourcePolicy, `like ${like} of profile default`);
    policy.lay({ sources: { [name]: fields } }, `${origin}: customSources`);
  }
  policy.lay(file, origin);
  policy.lay({ cooldownMs: settings.RESTART_COOLDOWN_MS }, "RESTART_COOLDOWN_MS");
  return policy;
}

/** A misspelt name must not become a source of its own in silence: those are declared. */
function unknownSources(file: PolicyFile): string[] {
  const custom = Object.keys(file.customSources ?? {});
  const builtIn: readonly string[] = BUILT_IN_SOURCES;
  const known = [...builtIn, ...custom];
  const redeclared = custom
    .filter((name) => builtIn.includes(name))
    .map((name) => `customSources.${name}: this source is built in; override it under sources`);
  const unknown = placesOf(file).flatMap(([place, { sources = {} }]) =>
    Object.keys(sources)
      .filter((name) => !known.includes(name))
      .map(
        (name) =>
          `${place}sources.${name}: unknown source "${name}", did you mean "${nearestTo(name, known)[0]}"? A source of your own is declared under customSources`,
      ),
  );
  const unknownExceptions = placesOf(file).flatMap(([place, { quietHours }]) =>
    (quietHours?.except ?? [])
      .filter((name) => !known.includes(name))
      .map(
        (name) => `${place}quietHours.except: unknown source "${name}", did you mean "${nearestTo(name, known)[0]}"?`,
      ),
  );
  return [...redeclared, ...unknown, ...unknownExceptions];
}

function quietHoursProblems(file: PolicyFile): string[] {
  return placesOf(file).flatMap(([place, { quietHours }]) => {
    const problem = quietHours && impossibleQuietHours(quietHours, Date.now());
    return problem ? [`${place}${problem}`] : [];
  });
}

/** The file's own fields, and those of each override. */
function placesOf(file: PolicyFile): [string, PolicyFields | WorkspaceOverride][] {
  const overrides = (file.workspaces ?? []).map((one, i): [string, WorkspaceOverride] => [`workspaces.${i}.`, one]);
  return [["", file], ...overrides];
}
