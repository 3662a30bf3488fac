/**
 * Which policy a workspace has. Registry facts decide (its tags, its runtime), and those are in Redis: where one is
 * needed in the step that reads them, the script gets what it may have to choose from, and chooses. So a trigger takes no
 * second round trip, and no process remembers facts that somebody else may change.
 */
import type { Policy } from "./policy.ts";

/** All that is given must hold. */
export interface WorkspaceMatch {
  readonly ids?: readonly string[] | undefined;
  /** Each of these tags has this value. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly runtime?: string | undefined;
}

export interface PolicyOverride {
  /** For people: where it was written, or what it is called. */
  readonly name: string;
  readonly match: WorkspaceMatch;
  readonly policy: Policy;
}

/** A workspace has the first override that matches it, else the common policy. All of them know the same sources. */
export interface PolicySet {
  readonly common: Policy;
  readonly overrides: readonly PolicyOverride[];
}

/** Asked anew for every decision, so that the policies can be exchanged while the process runs. */
export interface PolicyProvider {
  readonly policies: PolicySet;
}

/** What the registry knows of a workspace. */
export interface RegistryFacts {
  readonly id: string;
  readonly runtime: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export function overrideFor({ overrides }: PolicySet, facts: RegistryFacts): PolicyOverride | undefined {
  return overrides.find(({ match }) => meetsId(match, facts.id) && meetsRest(match, facts));
}

export function policyFor(policies: PolicySet, facts: RegistryFacts): Policy {
  return overrideFor(policies, facts)?.policy ?? policies.common;
}

/** What the id alone leaves to choose from: the first alternative whose tags and runtime match, else `otherwise`. */
export interface Choice {
  readonly otherwise: Policy;
  readonly alternatives: readonly PolicyOverride[];
}

export function choiceFor({ common, overrides }: PolicySet, id: string): Choice {
  const alternatives: PolicyOverride[] = [];
  for (const override of overrides) {
    const { ids, tags, runtime } = override.match;
    if (!meetsId({ ids }, id)) continue;
    // Nothing else can be wanting: those after it are never reached.
    if (tags === undefined && runtime === undefined) return { otherwise: override.policy, alternatives };
    alternatives.push(override);
  }
  return { otherwise: common, alternatives };
}

/** Whether the source may restart in quiet hours. */
export function ignoresQuietHours({ quietHours, sources }: Policy, source: string): boolean {
  return sources[source]?.cooldown === "ignore" || quietHours?.except.includes(source) === true;
}

/** The facts in a registry entry as Redis holds it. */
export function factsOf(id: string, entry: Readonly<Record<string, string>>): RegistryFacts {
  const tags = entry.tags === undefined ? {} : (JSON.parse(entry.tags) as Record<string, string>);
  return { id, runtime: entry.runtime, tags };
}

/** A fixed policy is a set without overrides. */
export function providerOf<Fields extends object>(policy: Fields | PolicyProvider): PolicyProvider {
  return "policies" in policy ? policy : { policies: { common: policy as unknown as Policy, overrides: [] } };
}

function meetsId({ ids }: WorkspaceMatch, id: string): boolean {
  return ids === undefined || ids.includes(id);
}

function meetsRest({ tags, runtime }: WorkspaceMatch, facts: RegistryFacts): boolean {
  if (runtime !== undefined && runtime !== facts.runtime) return false;
  return Object.entries(tags ?? {}).every(
    ([name, value]) => Object.hasOwn(facts.tags, name) && facts.tags[name] === value,
  );
}
