/** A spec, field by field, as it may be remembered and told: names and digests, never values. Pure. */
import { createHash } from "node:crypto";
import { keptText } from "../triggers/why.ts";

export type Spec = Readonly<Record<string, unknown>>;

/** Digests by the name of the field: `command`, `env.TOKEN`, `readiness.url`. */
export type FieldDigests = Readonly<Record<string, string>>;

/** What a cycle has started a workspace with. */
export interface UsedSpec {
  /** As it is registered. */
  readonly spec: FieldDigests;
  /** Laid over the worker's defaults, where its provisioner can tell. */
  readonly effective?: FieldDigests | undefined;
}

/** Lays a spec over what a worker has for all; undefined where it does not hold. */
export type EffectiveSpec = (spec: Spec) => Spec | undefined;

const DIGEST_CHARACTERS = 16;
/** A spec with more is remembered by its outer fields alone, or as a whole. */
const MOST_FIELDS = 200;

/** `salt`: the workspace's id, so that equal secrets of two workspaces look different. */
export function digestsOf(salt: string, spec: Spec): FieldDigests {
  const outer = Object.entries(spec);
  const inner = outer.flatMap(([name, value]): [string, unknown][] => {
    if (!isObject(value)) return [[name, value]];
    return Object.entries(value).map(([member, each]) => [`${name}.${member}`, each]);
  });
  const fields = [inner, outer].find(({ length }) => length <= MOST_FIELDS) ?? [["spec", spec]];
  const given = fields.filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [keptText(name), digestOf(salt, name, value)]));
}

/** The names of the fields that differ, in order. */
export function changedFields(before: FieldDigests, now: FieldDigests): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => before[name] !== now[name]).sort();
}

/** What a cycle remembers of the spec that it used. */
export function usedSpecOf(id: string, spec: Spec, effectiveSpec: EffectiveSpec | undefined): UsedSpec {
  const effective = effectiveSpec?.(spec);
  return { spec: digestsOf(id, spec), ...(effective && { effective: digestsOf(id, effective) }) };
}

/** In which fields what runs differs from how it would be started now: as a worker would, where that is known. */
export function driftOf(used: UsedSpec, now: UsedSpec): string[] {
  if (used.effective !== undefined && now.effective !== undefined) return changedFields(used.effective, now.effective);
  return changedFields(used.spec, now.spec);
}

/** A name for how a workspace would be started now. */
export function targetOf({ spec, effective }: UsedSpec): string {
  return createHash("sha256")
    .update(canonical(effective ?? spec))
    .digest("base64url")
    .slice(0, DIGEST_CHARACTERS);
}

function digestOf(salt: string, name: string, value: unknown): string {
  const text = `${salt}\n${name}\n${canonical(value)}`;
  return createHash("sha256").update(text).digest("base64url").slice(0, DIGEST_CHARACTERS);
}

/** JSON whose members are in order, so that the same is written the same. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const inOrder = members.sort(([a], [b]) => (a < b ? -1 : 1));
  const written = inOrder.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return ["{", written.join(","), "}"].join("");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
