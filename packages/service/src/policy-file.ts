/** The effective policy: a profile, then the file's overrides, then RESTART_COOLDOWN_MS. */
import { readFileSync } from "node:fs";
import {
  checkPolicy,
  ImpossiblePolicyError,
  POLICIES,
  type Policy,
  PROFILES,
  type Profile,
  type SourcePolicy,
} from "@restart-coordinator/debounce";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { ConfigurationError, nearestTo } from "./environment.ts";

const duration = z.number().int().min(0);
const sourceOverride = z.strictObject({
  windowMs: duration.optional(),
  leading: z.boolean().optional(),
  trailing: z.boolean().optional(),
  maxWaitMs: duration.optional(),
  cooldown: z.enum(["defer", "drop", "ignore"]).optional(),
  running: z.enum(["follow-up", "drop"]).optional(),
  automatic: z.boolean().optional(),
});
const retryOverride = z.strictObject({
  backoffMs: duration.optional(),
  maxBackoffMs: duration.optional(),
  breakerAfter: duration.optional(),
});
const policyFile = z.strictObject({
  profile: z.enum(PROFILES).optional(),
  cooldownMs: duration.optional(),
  retry: retryOverride.optional(),
  sources: z.record(z.string(), sourceOverride).optional(),
});
export type PolicyFile = z.infer<typeof policyFile>;

/** What a source of the file's own is, as far as the file does not say. */
const CUSTOM_SOURCE: SourcePolicy = POLICIES.default.sources["plugin-change"] as SourcePolicy;

/** @throws ConfigurationError naming the field, what was expected and the nearest known name */
export function loadPolicy(settings: {
  RESTART_PROFILE?: Profile | undefined;
  RESTART_POLICY_FILE?: string | undefined;
  RESTART_COOLDOWN_MS?: number | undefined;
}): Policy {
  const path = settings.RESTART_POLICY_FILE;
  const file = path === undefined ? {} : readPolicyFile(path);
  const base = POLICIES[settings.RESTART_PROFILE ?? file.profile ?? "default"];
  const sources: Record<string, SourcePolicy> = { ...base.sources };
  for (const [name, override] of Object.entries(file.sources ?? {})) {
    const builtIn = Object.hasOwn(base.sources, name) ? base.sources[name] : undefined;
    sources[name] = { ...(builtIn ?? CUSTOM_SOURCE), ...given(override) };
  }
  const policy: Policy = {
    cooldownMs: settings.RESTART_COOLDOWN_MS ?? file.cooldownMs ?? base.cooldownMs,
    retry: { ...base.retry, ...given(file.retry ?? {}) },
    sources,
  };
  try {
    checkPolicy(policy);
  } catch (error) {
    if (error instanceof ImpossiblePolicyError) throw new ConfigurationError([`${path ?? "policy"}: ${error.message}`]);
    throw error;
  }
  return policy;
}

function readPolicyFile(path: string): PolicyFile {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigurationError([
      `RESTART_POLICY_FILE ${path} cannot be read as YAML or JSON: ${(error as Error).message}`,
    ]);
  }
  const result = policyFile.safeParse(content ?? {});
  if (result.success) return result.data;
  throw new ConfigurationError(result.error.issues.flatMap((issue) => explain(path, issue)));
}

function explain(file: string, issue: z.core.$ZodIssue): string[] {
  const at = issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  if (issue.code !== "unrecognized_keys") return [`${file}${at}: ${issue.message}`];
  const known = fieldsAt(issue.path);
  return issue.keys.map((key) => `${file}${at}: unknown field "${key}", did you mean "${nearestTo(key, known)[0]}"?`);
}

function fieldsAt([part]: readonly PropertyKey[]): string[] {
  const { shape } = part === "sources" ? sourceOverride : part === "retry" ? retryOverride : policyFile;
  return Object.keys(shape);
}

/** Leaves out what was not given, so that it overrides nothing. */
function given<Fields extends object>(fields: Fields): { [Field in keyof Fields]-?: NonNullable<Fields[Field]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Field in keyof Fields]-?: NonNullable<Fields[Field]> };
}
