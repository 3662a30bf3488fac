/** What may come in, by route; everything is bounded. */
import { EVENTS, PHASES, WORKSPACE_ID } from "@restart-coordinator/debounce";
import { FLEET_EVENTS } from "@restart-coordinator/fleet";
import { assertPublicHost, WEBHOOK_FORMATS } from "@restart-coordinator/webhooks";
import { z } from "zod";

const LONE_SURROGATE = /\p{Cs}/u;
/** Half of a character is none: stored, it would become another text, and a script of Redis stumbles over it. */
const text = () => z.string().refine((given) => !LONE_SURROGATE.test(given), "expected well-formed Unicode");
export const oneLine = (most: number) => text().min(1).max(most);

/** z.record, which alone would pass over one name in silence. */
export function recordOf<Value extends z.ZodType>(key: z.ZodType<string, string>, value: Value) {
  return z
    .unknown()
    .refine((given) => typeof given !== "object" || given === null || !Object.hasOwn(given, "__proto__"), {
      message: '"__proto__" is not accepted as a name',
    })
    .pipe(z.record(key, value));
}

export const workspaceId = z
  .string()
  .regex(WORKSPACE_ID, 'expected 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot');
export const reason = oneLine(1_000).optional();
export const actor = oneLine(200).optional();

export const workspaceBody = z.strictObject({
  name: oneLine(200).nullish(),
  runtime: oneLine(64).nullish(),
  parentId: workspaceId.nullish(),
  tags: recordOf(oneLine(64), text().max(256))
    .refine((tags) => Object.keys(tags).length <= 50, "at most 50 tags")
    .nullish(),
  spec: recordOf(z.string(), z.unknown())
    .refine((spec) => JSON.stringify(spec).length <= 65_536, "at most 64 KiB")
    .nullish(),
});

export const triggerBody = z.strictObject({ source: oneLine(64), reason, actor });
export const restartBody = z.strictObject({ reason, actor, force: z.boolean().optional() }).optional();
export const verbBody = z.strictObject({ reason }).optional();

/** A hold always ends: no hold outlives a forgotten operator. An hour by default, a week at most. */
export const holdBody = z.strictObject({
  reason,
  holdMs: z.number().int().min(1_000).max(604_800_000).default(3_600_000),
});

/** A text, or any bytes as base64. */
const content = z.union([text(), z.strictObject({ base64: z.base64() })]);
const fileSet = recordOf(z.string(), content);
export const filesBody = z.strictObject({ files: fileSet });
export const templateBody = z
  .strictObject({ name: oneLine(128).optional(), files: fileSet.optional() })
  .refine(({ name, files }) => (name === undefined) !== (files === undefined), "expected either name or files");

const ALL_EVENTS: readonly string[] = [...EVENTS, ...FLEET_EVENTS];
const eventName = z.string().refine((name) => ALL_EVENTS.includes(name), {
  error: ({ input }) => `unknown event "${String(input).slice(0, 100)}"; expected some of ${ALL_EVENTS.join(", ")}`,
});

/** 24 to 64 bytes, as Standard Webhooks has it. */
const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;
export const webhookBody = (allowPrivate: boolean) =>
  z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "expected an https:// or http:// URL" })
      .max(2_000)
      .refine(
        (url) => new URL(url).username === "" && new URL(url).password === "",
        "expected no user and password in it",
      )
      .refine(
        (url) => allowPrivate || isPublic(new URL(url)),
        "the address is private, and WEBHOOK_ALLOW_PRIVATE is not true",
      ),
    events: z.array(eventName).min(1).max(ALL_EVENTS.length).optional(),
    workspaces: z.array(workspaceId).min(1).max(100).optional(),
    format: z.enum(WEBHOOK_FORMATS).default("standard"),
    secret: z.string().regex(WEBHOOK_SECRET, "expected whsec_ and the base64 of 24 to 64 bytes").optional(),
    enabled: z.boolean().default(true),
  });

/** Only what shows already: a name is looked up when it is connected to. */
function isPublic(url: URL): boolean {
  try {
    assertPublicHost(url);
    return true;
  } catch {
    return false;
  }
}

export const listQuery = z.object({
  cursor: workspaceId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  phase: z.enum(PHASES).optional(),
});
export const activityQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z
    .string()
    .regex(/^\d{1,16}-\d{1,16}$/, "expected the id of an event")
    .optional(),
});
/** `?wait=30s`, at most a minute; plain numbers are seconds. */
export const outcomeQuery = z.object({
  wait: z
    .string()
    .regex(/^\d{1,5}(ms|s)?$/, 'expected a time such as "30s" or "500ms"')
    .transform((text) => Number.parseInt(text, 10) * (text.endsWith("ms") ? 1 : 1_000))
    .refine((ms) => ms <= 60_000, "at most 60s")
    .prefault("0s"),
});
/** `?event=A,B` or `?event=A&event=B`: only those; undefined = all. */
export const eventsQuery = z.object({
  event: z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((names) => names.split(",")))
    .pipe(z.array(eventName))
    .optional()
    .describe("Names of events, separated by commas"),
});
export const eventsHeaders = z.object({
  "Last-Event-ID": z.string().optional().describe("The id of the last message seen: the stream goes on after it"),
});
const LONGEST_KEY = 255;
const wrongKey = {
  error: ({ input }: { input?: unknown }) => `expected 1 to ${LONGEST_KEY} characters, got ${String(input).length}`,
};
export const idempotencyHeaders = z.object({
  "Idempotency-Key": z
    .string()
    .min(1, wrongKey)
    .max(LONGEST_KEY, wrongKey)
    .optional()
    .describe("The same key with the same body within 24 hours gets the first answer again"),
});
/** `?cascade=true` takes descendants along. */
export const cascadeQuery = z.strictObject({ cascade: z.enum(["true", "false"]).default("false") });
export const noQuery = z.strictObject({});
export const removeQuery = z.object({ force: z.enum(["true", "false"]).default("false") });

/** The files of a checked body, decoded. */
export function decoded(files: z.infer<typeof fileSet>): Record<string, Buffer | string> {
  const entries = Object.entries(files).map(([path, value]): [string, Buffer | string] => [
    path,
    typeof value === "string" ? value : Buffer.from(value.base64, "base64"),
  ]);
  return Object.fromEntries(entries);
}
