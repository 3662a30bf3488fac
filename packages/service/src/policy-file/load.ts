/** The policies in force: a profile, the file's own fields, the environment, and what the file says of some workspaces. */
import { basename } from "node:path";
import {
  BUILT_IN_SOURCES,
  impossibilitiesOf,
  POLICIES,
  type PolicyOverride,
  type PolicySet,
  type Profile,
  type QuietHours,
  type SourcePolicy,
} from "@restart-coordinator/debounce";
import { ConfigurationError } from "../configuration-error.ts";
import { nearestTo } from "../environment.ts";
import { type ExplainedPolicy, LayeredPolicy } from "./layered-policy.ts";
import { aroundNow, ReckonedQuietHours, type TimeSpan } from "./quiet-hours/index.ts";
import { parsePolicyFile, readText } from "./read.ts";
import type { PolicyFields, PolicyFile, QuietHoursFields, WorkspaceOverride } from "./schema.ts";

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

/** `span`: the time whose quiet hours matter. @throws ConfigurationError naming everything that is wrong */
export function loadPolicies(settings: PolicySettings, span = aroundNow(Date.now())): ExplainedPolicySet {
  const path = settings.RESTART_POLICY_FILE;
  return policiesOf(path === undefined ? "" : readText(path), settings, span);
}

/** `text`: the file's; empty without one. @throws ConfigurationError naming everything that is wrong */
export function policiesOf(text: string, settings: PolicySettings, span: TimeSpan): ExplainedPolicySet {
  const path = settings.RESTART_POLICY_FILE ?? "policy";
  const { file, leftOut, problems } = parsePolicyFile(path, text);
  const policies = layeredPolicies(file, settings, basename(path), reckonedFor(span));
  const found = [...problems, ...unknownSources(file), ...impossibilitiesIn(policies, leftOut)];
  if (found.length > 0) throw new ConfigurationError(found.map((problem) => `${path}${problem}`));
  return policies;
}

/** The same policies with the quiet hours of another time. */
export function lookingAhead(policies: ExplainedPolicySet, span: TimeSpan): ExplainedPolicySet {
  const reckoned = reckonedFor(span);
  const ahead = (explained: ExplainedPolicy): ExplainedPolicy => {
    const { policy, quietHours } = explained;
    return quietHours === undefined
      ? explained
      : { ...explained, policy: { ...policy, quietHours: reckoned(quietHours) } };
  };
  const explainedCommon = ahead(policies.explainedCommon);
  const overrides = policies.overrides.map((override) => {
    const explained = ahead(override.explained);
    return { ...override, policy: explained.policy, explained };
  });
  return { common: explainedCommon.policy, explainedCommon, overrides };
}

/** Those that several policies share are reckoned once. */
function reckonedFor(span: TimeSpan): (fields: QuietHoursFields) => QuietHours {
  const known = new Map<QuietHoursFields, QuietHours>();
  return (fields) => {
    const quietHours = known.get(fields) ?? new ReckonedQuietHours(fields, span);
    known.set(fields, quietHours);
    return quietHours;
  };
}

function layeredPolicies(
  file: PolicyFile,
  settings: PolicySettings,
  origin: string,
  reckoned: (fields: QuietHoursFields) => QuietHours,
): ExplainedPolicySet {
  const explainedCommon = layered(file, settings, origin).explained(reckoned);
  const overrides = (file.workspaces ?? []).map((override, index) => {
    const name = override.name === undefined ? `workspaces.${index}` : `workspaces.${index} (${override.name})`;
    const policy = layered(file, settings, origin, override.profile);
    policy.lay(override, `${origin}: ${name}`);
    const explained = policy.explained(reckoned);
    return { name, match: override.match, policy: explained.policy, explained };
  });
  return { common: explainedCommon.policy, explainedCommon, overrides };
}

/** What cannot work in general is told once. Of parts that were left out nothing is known. */
function impossibilitiesIn({ common, overrides }: ExplainedPolicySet, leftOut: readonly string[]): string[] {
  const isKnown = (problem: string) =>
    !leftOut.some((part) => problem.startsWith(`${part}.`) || problem.startsWith(`${part} `));
  const inGeneral = impossibilitiesOf(common).filter(isKnown);
  const inOverrides = overrides.flatMap(({ name, policy }) =>
    impossibilitiesOf(policy)
      .filter((problem) => isKnown(problem) && !inGeneral.includes(problem))
      .map((problem) => ` at ${name}: ${problem}`),
  );
  return [...inGeneral.map((problem) => `: ${problem}`), ...inOverrides];
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
  return [...redeclared, ...unknown, ...unknownExceptions].map((problem) => ` at ${problem}`);
}

/** The file's own fields, and those of each override. */
function placesOf(file: PolicyFile): [string, PolicyFields | WorkspaceOverride][] {
  const overrides = (file.workspaces ?? []).map((one, i): [string, WorkspaceOverride] => [`workspaces.${i}.`, one]);
  return [["", file], ...overrides];
}
