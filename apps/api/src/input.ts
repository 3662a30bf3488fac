/** What may come in on more than one route; everything is bounded. */
import { EVENTS, WORKSPACE_ID } from "@restart-coordinator/debounce";
import { FLEET_EVENTS } from "@restart-coordinator/fleet";
import { z } from "zod";

const LONE_SURROGATE = /\p{Cs}/u;
/** Half of a character is none: stored, it would become another text, and a script of Redis stumbles over it. */
export const text = () => z.string().refine((given) => !LONE_SURROGATE.test(given), "expected well-formed Unicode");
export const oneLine = (most: number) => text().min(1).max(most);

/** z.record, which alone would pass over one name in silence. */
export function recordOf<Value extends z.ZodType>(key: z.ZodType<string, string>, value: Value) {
  return z.preprocess(
    (given, { addIssue }) => {
      const isLost = typeof given === "object" && given !== null && Object.hasOwn(given, "__proto__");
      if (isLost) addIssue('"__proto__" is not accepted as a name');
      return given;
    },
    z.record(key, value),
  );
}

export const workspaceId = z
  .string()
  .regex(WORKSPACE_ID, 'expected 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot');
/** The path of everything that concerns one workspace. */
export const ofWorkspace = z.object({ id: workspaceId });

/** What would this do? */
export const dryRunQuery = z.object({
  dryRun: z
    .enum(["true", "false"])
    .optional()
    .transform((given) => given === "true")
    .describe("Tells what would be decided, and changes nothing"),
});

export const reason = oneLine(1_000).optional();
export const actor = oneLine(200).optional();
export const verbBody = z.strictObject({ reason }).prefault({});

export const ALL_EVENTS = [...EVENTS, ...FLEET_EVENTS] as const;
export const eventName = z.string().refine((name) => (ALL_EVENTS as readonly string[]).includes(name), {
  error: ({ input }) => `unknown event "${String(input).slice(0, 100)}"; expected some of ${ALL_EVENTS.join(", ")}`,
});

/** How many of a list come at once. */
export const pageLimit = z.coerce.number().int().min(1).max(200).default(50);

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
