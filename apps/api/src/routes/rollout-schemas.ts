/** What may come in for rollouts, everything bounded, and what goes out. */
import { STATUSES } from "@restart-coordinator/debounce";
import { MEMBER_STATUSES, ROLLOUT_STATES, STOPPED_BY } from "@restart-coordinator/fleet";
import { z } from "zod";
import { count, time } from "../answers.ts";
import { actor, oneLine, pageLimit, reason, recordOf, workspaceId } from "../input.ts";

const MOST_IDS = 1_000;

/** All that is given must hold; `all` stands alone, and nothing else selects every workspace. */
const selector = z
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
const canary = z.union(
  [
    z.strictObject({ count: z.number().int().min(1).max(MOST_IDS) }),
    z.strictObject({ percent: z.number().gt(0).max(100) }),
  ],
  'expected {"count": n} or {"percent": n}',
);

const budget = z
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
    selector: selector.optional(),
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
    budget: budget.optional().describe("Beyond it the rollout is aborted"),
  })
  .refine(({ ids, selector }) => (ids === undefined) !== (selector === undefined), "expected either ids or selector");

export const rolloutListQuery = z.object({
  cursor: oneLine(64).optional(),
  limit: pageLimit,
  state: z.enum(ROLLOUT_STATES).optional(),
});

/** Of one rollout's members; `limit=0` leaves them out. */
export const membersQuery = z.object({
  cursor: z.coerce.number().int().min(0).max(100_000).default(0),
  limit: z.coerce.number().int().min(0).max(1_000).default(50),
  status: z.enum(MEMBER_STATUSES).optional(),
});

export const rollout = z
  .object({
    id: z.string(),
    state: z.enum(ROLLOUT_STATES),
    stopped: z
      .object({
        by: z.enum(STOPPED_BY),
        at: time,
        actor: z.string().nullable(),
        reason: z.string().nullable(),
      })
      .nullable()
      .describe("What paused or aborted it"),
    selector: selector.nullable().describe("Null when ids were given"),
    source: z.string(),
    reason: z.string().nullable(),
    actor: z.string(),
    maxConcurrent: count,
    splayMs: count,
    canary: canary.nullable(),
    canaries: z.object({ count, passed: z.boolean() }),
    pauseOnFailure: count.nullable(),
    budget: budget.nullable(),
    createdAt: time,
    startedAt: time.nullable().describe("When the list of its members was whole"),
    endedAt: time.nullable(),
    counts: z.object({ total: count, waiting: count, running: count, done: count, failed: count, skipped: count }),
  })
  .meta({ id: "Rollout" });

const member = z.object({
  workspaceId: z.string(),
  status: z.enum(MEMBER_STATUSES),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  triggerId: z.string().nullable(),
  cycleId: z.string().nullable(),
  byItself: z.boolean().describe("It restarted after the rollout was made without being asked to by it"),
  rule: z.string().nullable().describe("Why it was skipped"),
  error: z.string().nullable().describe("Why it failed"),
});
export const rolloutWithMembers = z.object({
  ...rollout.shape,
  members: z.array(member),
  nextCursor: count.nullable(),
});
export const rolloutPage = z.object({ rollouts: z.array(rollout), nextCursor: z.string().nullable() });
