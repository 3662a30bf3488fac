/** Reads a policy file and says in plain words what is wrong with its form. */
import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { ConfigurationError } from "../configuration-error.ts";
import { nearestTo } from "../environment.ts";
import { fieldsAt, type PolicyFile, policyFile } from "./schema.ts";

/** @throws ConfigurationError */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** @throws ConfigurationError naming each field that is wrong, what was expected and the nearest known name */
export function parsePolicyFile(path: string, text: string): PolicyFile {
  let content: unknown;
  try {
    content = parseYaml(text);
  } catch (error) {
    throw unreadable(path, error);
  }
  const result = policyFile.safeParse(content ?? {});
  if (result.success) return result.data;
  throw new ConfigurationError(result.error.issues.flatMap((issue) => explain(path, issue)));
}

function unreadable(path: string, error: unknown): ConfigurationError {
  return new ConfigurationError([
    `RESTART_POLICY_FILE ${path} cannot be read as YAML or JSON: ${(error as Error).message}`,
  ]);
}

function explain(file: string, issue: z.core.$ZodIssue): string[] {
  const at = issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  if (issue.code !== "unrecognized_keys") return [`${file}${at}: ${issue.message}`];
  const known = fieldsAt(issue.path);
  return issue.keys.map((key) => `${file}${at}: unknown field "${key}", did you mean "${nearestTo(key, known)[0]}"?`);
}
