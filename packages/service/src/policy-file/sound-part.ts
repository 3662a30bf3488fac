/** What is left of a policy file without the fields that are wrong, so that all its faults can be told at once. */
import type { z } from "zod";
import { type PolicyFile, policyFile } from "./schema.ts";

export interface Sound {
  readonly file: PolicyFile;
  /** The parts that are not in it, by name (`retry`, `sources.file-write`): nothing is known of them. */
  readonly leftOut: readonly string[];
}

/** Far more than anything goes deep. */
const MOST_ROUNDS = 20;
// What stands where something has to, so that what is beside it can be looked at.
const NOBODY = { ids: [""] };
const SOME_QUIET_HOURS = { timeZone: "UTC", windows: [{ from: "2026-01-01", until: "2026-01-02" }] };

export function soundPart(content: unknown): Sound {
  const left: unknown = structuredClone(content);
  const leftOut = new Set<string>();
  // What cannot be without the field that was taken out goes with the next round.
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const result = policyFile.safeParse(left);
    if (result.success) return { file: result.data, leftOut: [...leftOut] };
    const taken = result.error.issues.map((issue) => takeOut(left, issue, leftOut));
    if (!taken.includes(true)) break;
  }
  return { file: {}, leftOut: [...leftOut] };
}

/** Tells whether there was something to take out. */
function takeOut(file: unknown, issue: z.core.$ZodIssue, leftOut: Set<string>): boolean {
  if (!isObject(file)) return false;
  const at = issue.path.map(String);
  const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...at, key]) : [at];
  return paths.map((path) => takeOutAt(file, path, leftOut)).includes(true);
}

function takeOutAt(file: Record<string, unknown>, path: readonly string[], leftOut: Set<string>): boolean {
  const overrides = file.workspaces;
  if (path[0] !== "workspaces" || path[1] === undefined || !Array.isArray(overrides)) {
    return takeOutPart(file, path, leftOut);
  }
  const place = Number(path[1]);
  const override: unknown = overrides[place];
  const part = path.slice(2);
  if (!isObject(override)) overrides[place] = { match: NOBODY };
  else if (part[0] === "match") override.match = NOBODY;
  else return takeOutPart(override, part, leftOut);
  return true;
}

/** Takes out whole parts: what is right beside something wrong may be right only together with what was meant. */
function takeOutPart(fields: Record<string, unknown>, path: readonly string[], leftOut: Set<string>): boolean {
  const [field = "", name] = path;
  if (!Object.hasOwn(fields, field)) return false;
  const sources = fields[field];
  const isOneSource = (field === "sources" || field === "customSources") && name !== undefined;
  if (isOneSource && isObject(sources) && Object.hasOwn(sources, name)) {
    leftOut.add(`sources.${name}`);
    // Its name stays, as one that is declared or that may be unknown.
    sources[name] = {};
    return true;
  }
  leftOut.add(field);
  const whole = fields[field];
  if (field === "quietHours" && name !== "except" && isObject(whole)) {
    fields[field] = { ...SOME_QUIET_HOURS, ...(whole.except !== undefined && { except: whole.except }) };
    return true;
  }
  return delete fields[field];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
