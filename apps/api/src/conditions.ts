/** Conditional requests on files (RFC 9110, 13): what a caller knows of a file, and asks to be still so. */
import type { Request } from "express";
import { z } from "zod";
import type { Condition, FileVersion } from "./files/index.ts";
import { Problem } from "./problem.ts";

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
const ENTITY_TAGS = /(?:W\/)?"[^"]*"|[^\s,]+/g;

const tags = z
  .string()
  .refine((list) => tagsOf(list).every((tag) => tag === "*" || ENTITY_TAG.test(tag)), 'expected * or "tag", "tag", …')
  .optional();

/** What a route that keeps conditions takes. */
export const conditionHeaders = z.object({
  "If-Match": tags.describe("Only if the file's ETag is one of these; * = if there is one"),
  "If-None-Match": tags.describe("Only if the file's ETag is none of these; * = if there is none"),
  "If-Unmodified-Since": z.string().optional().describe("Only if it was not modified since then; without If-Match"),
});
type Conditions = z.output<typeof conditionHeaders>;

export function etagOf({ digest }: Pick<FileVersion, "digest">): string {
  return `"${digest}"`;
}

/** What must hold for a change; undefined when nothing was asked. */
export function conditionOf(asked: Conditions): Condition | undefined {
  const { "If-Match": match, "If-None-Match": noneMatch, "If-Unmodified-Since": since } = asked;
  if (match === undefined && noneMatch === undefined && since === undefined) return undefined;
  return (current) => stillSo(asked, current) && (noneMatch === undefined || !includes(noneMatch, current));
}

/** Whether what a reader has is still so: If-Match, else If-Unmodified-Since. */
export function stillSo(asked: Conditions, current: FileVersion | undefined): boolean {
  const { "If-Match": match, "If-Unmodified-Since": since } = asked;
  // Compared strongly: of a weak tag nobody knows whether it is these bytes.
  if (match !== undefined) return includes(match, current, { isStrong: true });
  const time = since === undefined ? Number.NaN : Date.parse(since);
  // What is no date is no condition; neither is there a date of no file.
  if (Number.isNaN(time) || current === undefined) return true;
  return Math.floor(current.modifiedAt.getTime() / 1000) * 1000 <= time;
}

/** @throws Problem 412 for a condition on a request whose route keeps none: it must not be carried out without it */
export function assertNoCondition(request: Request): void {
  const asked = Object.keys(conditionHeaders.shape).find((name) => request.get(name) !== undefined);
  if (asked === undefined) return;
  throw new Problem({
    type: "changed",
    status: 412,
    title: "Not as expected",
    detail: `${asked} is kept for single files alone: send the request without it`,
  });
}

function includes(list: string, current: FileVersion | undefined, { isStrong = false } = {}): boolean {
  if (current === undefined) return false;
  const own = etagOf(current);
  return tagsOf(list).some((tag) => tag === "*" || tag === own || (!isStrong && tag === `W/${own}`));
}

function tagsOf(list: string): string[] {
  return list.match(ENTITY_TAGS) ?? [];
}
