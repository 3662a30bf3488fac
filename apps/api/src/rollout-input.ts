/** What may come in for rollouts; everything is bounded. */
import { STATUSES } from "@restart-coordinator/debounce";
import { MEMBER_STATUSES, ROLLOUT_STATES } from "@restart-coordinator/fleet";
import { z } from "zod";
import { actor, oneLine, reason, recordOf, workspaceId } from "./input.ts";

const MOST_IDS = 1_000;

/** All that is given must hold; `all` stands alone, and nothing else selects every workspace. */
export const rolloutSelector = z
  .strictObject({
    all: z.literal(true).optional().describe("Every workspace"),
    tags: recordOf(oneLine(64), z.string().max(256))
      .refine((tags) => Object.keys(tags).length >= 1 && Object.keys(tags).length <= 50, "expected 1 to 50 tags")
      .optional()
      .describe("Each of these tags has this value"),
    runtime: oneLine(64).optional(),
    status: z.enum(STATUSES).optional(),
  })
  .refine(
    ({ all, ...some }) => (all === true) !== Object.values(some).some((given) => given !== undefined),
    'expected some of tags, runtime and status, or "all": true alone',
  );

/** The canaries: so many, or so large a share of all members. */
export const canary = z.union(
  [
    z.strictObject({ count: z.number().int().min(1).max(MOST_IDS) }),
    z.strictObject({ percent: z.number().gt(0).max(100) }),
  ],
  'expected {"count": n} or {"percent": n}',
);

export const rolloutBudget = z
  .strictObject({
    maxFailures: z.number().int().min(0).max(10_000).optional().describe("More failed workspaces than that end it"),
    maxDurationMs: z
      .number()
      .int()
      .min(1_000)
      .max(2_592_000_000)
      .optional()
      .describe("It ends so long after its start, pauses included"),
  })
  .refine((budget) => Object.values(budget).some((given) => given !== undefined), {
    message: "expected maxFailures, maxDurationMs or both",
  });

export const rolloutBody = z
  .strictObject({
    ids: z
      .array(workspaceId)
      .min(1)
      .max(MOST_IDS)
      .refine((ids) => new Set(ids).size === ids.length, "expected every id once")
      .optional()
      .describe("Restarted in this order"),
    selector: rolloutSelector.optional(),
    source: oneLine(64).default("manual").describe("Of the triggers; its policy holds"),
    reason,
    actor,
    maxConcurrent: z.number().int().min(1).max(1_000).default(5).describe("As many workspaces are under way at a time"),
    splayMs: z.number().int().min(0).max(3_600_000).default(0).describe("At least so much time between two starts"),
    canary: canary.optional().describe("So many come first, and the others once these have ended"),
    pauseOnFailure: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .nullable()
      .default(1)
      .describe("It pauses when so many have failed since it was started or resumed; null = never"),
    budget: rolloutBudget.optional().describe("Beyond it the rollout is aborted"),
  })
  .refine(({ ids, selector }) => (ids === undefined) !== (selector === undefined), "expected either ids or selector");

export const rolloutListQuery = z.object({
  cursor: oneLine(64).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  state: z.enum(ROLLOUT_STATES).optional(),
});

/** Of one rollout's members; `limit=0` leaves them out. */
export const membersQuery = z.object({
  cursor: z.coerce.number().int().min(0).max(100_000).default(0),
  limit: z.coerce.number().int().min(0).max(1_000).default(50),
  status: z.enum(MEMBER_STATUSES).optional(),
});
