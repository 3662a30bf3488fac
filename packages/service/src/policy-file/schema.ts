/** The form of a policy file. schema/policy.schema.json is made from it. */
import { BUILT_IN_SOURCES, PROFILES } from "@restart-coordinator/debounce";
import { z } from "zod";
import { notMilliseconds } from "../milliseconds.ts";
import { neverEnd, notATimeZone, wrongWith } from "./quiet-hours/index.ts";

const duration = (what: string) => z.number({ error: notMilliseconds }).int().min(0).describe(`${what}, milliseconds`);

const sourceFields = {
  windowMs: duration("The debounce window; 0 = none").optional(),
  leading: z.boolean().describe("The trigger that claims the window on an idle workspace fires at once").optional(),
  trailing: z.boolean().describe("The others are owed a follow-up, windowMs after the last of them").optional(),
  maxWaitMs: duration("… but no later than this after the first uncovered one; only with trailing").optional(),
  cooldown: z.enum(["defer", "drop", "ignore"]).describe("Inside the cooldown: wait, be dropped, ignore it").optional(),
  running: z.enum(["follow-up", "drop"]).describe("While a cycle runs: be owed a follow-up, or be dropped").optional(),
  automatic: z
    .boolean()
    .describe("Fires without a person or a change behind it: cannot bring back a workspace whose breaker is open")
    .optional(),
};
const sourceOverride = z.strictObject(sourceFields);
export type SourceFields = z.infer<typeof sourceOverride>;

const customSource = z.strictObject({
  like: z
    .enum(BUILT_IN_SOURCES)
    .describe("What it leaves out is as in this source of the profile default; plugin-change without it")
    .optional(),
  ...sourceFields,
});

// What is wrong is told where it is, and what holds it is not looked at any further.
const wrong = (message: string, path: PropertyKey[] = []) =>
  ({ code: "custom", message, path, continue: false }) as const;

const quietWindow = z
  .strictObject({
    from: z.string().max(100).describe("When they begin: a cron expression, or a date such as 2026-12-20T00:00"),
    until: z.string().max(100).describe("They end the next time this comes: a cron expression, or a date"),
  })
  .superRefine((window, context) => {
    for (const { field, problem } of wrongWith(window)) context.addIssue(wrong(problem, field && [field]));
  });

const quietHours = z.strictObject({
  timeZone: z
    .string()
    .min(1)
    .max(64)
    .superRefine((name, context) => {
      const problem = notATimeZone(name);
      if (problem !== undefined) context.addIssue(wrong(problem));
    })
    .describe("An IANA time zone, such as Europe/Berlin"),
  windows: z
    .array(quietWindow)
    .min(1)
    .max(20)
    .superRefine((windows, context) => {
      if (neverEnd(windows)) context.addIssue(wrong("they never end: leave a gap"));
    }),
  except: z.array(z.string()).describe("Sources that may restart all the same; a person always may").optional(),
});
export type QuietHoursFields = z.infer<typeof quietHours>;

const observeFields = z.strictObject({
  downAfter: z
    .number()
    .int()
    .min(1)
    .max(20)
    .describe("It is down once so many looks in a row, a second apart, have seen it so")
    .optional(),
  action: z.enum(["restart", "report"]).describe("Ask for a restart, or only say so").optional(),
});

const policyFields = {
  profile: z.enum(PROFILES).describe("Where everything starts that is not said here").optional(),
  cooldownMs: duration("After a cycle's start no new one starts for this long, unless a person asked").optional(),
  retry: z
    .strictObject({
      backoffMs: duration("Wait before the first retry; doubled for each further one").optional(),
      maxBackoffMs: duration("The longest such wait").optional(),
      breakerAfter: z
        .number()
        .int()
        .min(0)
        .describe("After so many failures in a row no retry starts by itself")
        .optional(),
    })
    .describe("What happens to a cycle that failed")
    .optional(),
  loop: z
    .strictObject({
      cycles: z.number().int().min(0).max(20).describe("After so many restarts; 0 = never").optional(),
      withinMs: duration("How long after a restart and its cooldown a trigger still follows it").optional(),
    })
    .describe("When restarts that bring about the next one are a loop, and broken")
    .optional(),
  budget: z
    .strictObject({
      cycles: z.number().int().min(0).describe("Restarts; 0 = no limit").optional(),
      downtimeMs: duration("From the begin of each restart to its end, in all; 0 = no limit").optional(),
    })
    .describe("What the restarts of 24 hours may cost before automatic ones are held")
    .optional(),
  observe: z
    .union([z.enum(["restart", "report"]), observeFields], {
      error: 'expected "restart", "report" or { downAfter: 1 to 20, action: restart or report }',
    })
    .describe("What is made of a workspace that should run and was seen not to")
    .optional(),
  quietHours: quietHours.nullable().describe("Times in which only some sources may restart; null = none").optional(),
  sources: z
    .record(z.string(), sourceOverride)
    .describe("Overrides of known sources: built-in ones, and those under customSources")
    .optional(),
};
const common = z.strictObject(policyFields);
export type PolicyFields = z.infer<typeof common>;

const workspaceOverride = z.strictObject({
  name: z.string().min(1).max(100).describe("For people: what it is called where a value's origin is told").optional(),
  match: z
    .strictObject({
      ids: z.array(z.string()).min(1).describe("Its id is one of these").optional(),
      tags: z.record(z.string(), z.string()).describe("Each of these tags has this value").optional(),
      runtime: z.string().min(1).describe("Its runtime is this").optional(),
    })
    .refine((match) => Object.values(match).some((given) => given !== undefined), "expected ids, tags or runtime")
    .describe("For which workspaces it is; all that is given must hold"),
  ...policyFields,
});
export type WorkspaceOverride = z.infer<typeof workspaceOverride>;

export const policyFile = z
  .strictObject({
    $schema: z.string().describe("For editors; not read").optional(),
    ...policyFields,
    customSources: z
      .record(z.string(), customSource)
      .describe("Sources of your own: lower-case letters, digits and hyphens")
      .optional(),
    workspaces: z
      .array(workspaceOverride)
      .max(1_000)
      .describe("Overrides for some workspaces; the first that matches one counts, laid over what is said above")
      .optional(),
  })
  .describe("How triggers of restarts are judged: docs/policies.md");
export type PolicyFile = z.infer<typeof policyFile>;

/** The names that may stand at a place of the file. */
export function fieldsAt(path: readonly PropertyKey[]): string[] {
  let at: z.core.$ZodType = policyFile;
  for (const part of path) at = childOf(unwrapped(at), part);
  const found = unwrapped(at);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function childOf(schema: z.core.$ZodType, part: PropertyKey): z.core.$ZodType {
  if (schema instanceof z.ZodObject) return schema.shape[String(part)] as z.core.$ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.core.$ZodType;
  if (schema instanceof z.ZodArray) return schema.element as z.core.$ZodType;
  return schema;
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodUnion) return schema.options.at(-1) as z.core.$ZodType;
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.core.$ZodType) : schema;
}
