/** Reads a policy file and says in plain words what is wrong with its form. */
import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { ConfigurationError } from "../configuration-error.ts";
import { nearestTo } from "../environment.ts";
import { fieldsAt, policyFile } from "./schema.ts";
import { type Sound, soundPart } from "./sound-part.ts";

/** What a file says, as far as it can be used, and what is wrong with the rest. */
export interface ReadPolicyFile extends Sound {
  /** Each field that is wrong, what was expected and the nearest known name. */
  readonly problems: readonly string[];
}

// What so many take to look at is hardly felt.
const MOST_WINDOWS = 2_000;
const MOST_ENDS = 500;

/** @throws ConfigurationError */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** @throws ConfigurationError when it is neither YAML nor JSON, or too much of it */
export function parsePolicyFile(path: string, text: string): ReadPolicyFile {
  const content = contentOf(path, text) ?? {};
  const tooMuch = tooMuchIn(content);
  if (tooMuch !== undefined) throw new ConfigurationError([`${path}: ${tooMuch}`]);
  const result = policyFile.safeParse(content);
  if (result.success) return { file: result.data, leftOut: [], problems: [] };
  return { ...soundPart(content), problems: result.error.issues.flatMap(explain) };
}

function contentOf(path: string, text: string): unknown {
  try {
    // Merge keys (<<) are of YAML 1.1, and what people share parts of a file with.
    return parseYaml(text, { merge: true });
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Windows of quiet hours are counted before they are looked at, for each takes its time. */
function tooMuchIn(content: unknown): string | undefined {
  const { quietHours, workspaces } = fieldsOf(content);
  const places = [quietHours, ...listOf(workspaces).map((override) => fieldsOf(override).quietHours)];
  const windows = places.flatMap((place) => listOf(fieldsOf(place).windows)).map(fieldsOf);
  const ends = new Set(windows.flatMap(({ from, until }) => [from, until])).size;
  if (windows.length > MOST_WINDOWS) {
    return `expected at most ${MOST_WINDOWS} windows of quiet hours in all, got ${windows.length}`;
  }
  return ends > MOST_ENDS ? `expected at most ${MOST_ENDS} different expressions and dates, got ${ends}` : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function unreadable(path: string, error: unknown): ConfigurationError {
  return new ConfigurationError([
    `RESTART_POLICY_FILE ${path} cannot be read as YAML or JSON: ${(error as Error).message}`,
  ]);
}

/** As it stands behind the file's name. */
function explain(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  if (issue.code !== "unrecognized_keys") return [`${at}: ${issue.message}`];
  const known = fieldsAt(issue.path);
  return issue.keys.map((key) => `${at}: unknown field "${key}", did you mean "${nearestTo(key, known)[0]}"?`);
}
