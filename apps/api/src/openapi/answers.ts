/** What the routes answer, as schemas: for the OpenAPI document. A test holds real answers against them. */
import {
  type CycleAction,
  DECISIONS,
  DESIRES,
  EVENTS,
  OUTCOMES,
  PHASES,
  PROFILES,
  RULES,
  STATUSES,
} from "@restart-coordinator/debounce";
import { FLEET_EVENTS, MEMBER_STATUSES, ROLLOUT_STATES, STOPPED_BY } from "@restart-coordinator/fleet";
import { WEBHOOK_FORMATS } from "@restart-coordinator/webhooks";
import { z } from "zod";
import { canary, rolloutBudget, rolloutSelector } from "../rollout-input.ts";

/** Schemas that have a name in the document. */
export const named = z.registry<{ id: string }>();

function name<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  named.add(schema, { id });
  return schema;
}

const CYCLE_ACTIONS = ["restart", "stop", "remove"] as const satisfies readonly CycleAction[];

const time = z.iso.datetime();
const count = z.number().int().min(0);
const generation = z.number().int().describe("Rises with everything that is asked for");

export const receipt = name(
  "Receipt",
  z.object({
    triggerId: z.string(),
    workspaceId: z.string(),
    source: z.string(),
    decision: z.enum(DECISIONS),
    rule: z.enum(RULES),
    generation,
    dueAt: time.nullable().describe("When the covering cycle may start, as far as known"),
    duringCycle: z.boolean(),
  }),
);

const covered = name(
  "Covered",
  z.object({
    source: z.string(),
    count,
    firstAt: time,
    lastAt: time,
    reasons: z.array(z.string()).describe("The newest 32 distinct ones, newest first"),
    actors: z.array(z.string()),
    files: z.array(z.string()).describe("What was written, in the same way"),
    moreReasons: count.optional(),
    moreActors: count.optional(),
    moreFiles: count.optional(),
  }),
);

const cycle = z.object({
  id: z.string(),
  generation,
  action: z.enum(CYCLE_ACTIONS),
  attempt: count,
  startedAt: time,
  covers: z.array(covered),
});

const lastCycle = z.object({
  id: z.string(),
  generation,
  action: z.enum(CYCLE_ACTIONS),
  outcome: z.enum(OUTCOMES),
  startedAt: time,
  endedAt: time,
  attempt: count,
  error: z.string().optional(),
  cancelTooLate: z.boolean().optional().describe("Canceled, and past its last safe point"),
  covers: z.array(covered),
});

export const workspace = name(
  "Workspace",
  z.object({
    id: z.string(),
    name: z.string().nullable(),
    runtime: z.string().nullable(),
    parentId: z.string().nullable(),
    pausedBy: z.string().nullable().describe("The ancestor whose pause took it along"),
    createdAt: time,
    tags: z.record(z.string(), z.string()),
    spec: z.looseObject({}).optional().describe("Shown to the scope admin alone"),
    status: z.enum(STATUSES),
    instance: z.looseObject({}).nullable().describe("What the last good restart reported of what runs now"),
    restart: z.object({
      phase: z.enum(PHASES),
      generation,
      observedGeneration: generation,
      dueAt: time.nullable(),
      startedAt: time.nullable(),
      cooldownEndsAt: time.nullable(),
      heldUntil: time.nullable(),
      budgetUntil: time.nullable().describe("The restart budget of the day is spent until then"),
      loop: z
        .object({ source: z.string(), reason: z.string(), cycles: z.array(z.string()) })
        .nullable()
        .describe("What followed each of these restarts, which is why nothing starts by itself"),
      why: z.array(covered).describe("What is owed"),
      cycle: cycle.nullable(),
      lastCycle: lastCycle.nullable(),
      failures: count,
      breakerOpen: z.boolean(),
    }),
  }),
);

export const workspacePage = z.object({ workspaces: z.array(workspace), nextCursor: z.string().nullable() });

export const event = name(
  "Event",
  z.object({
    id: z.string(),
    event: z.enum([...EVENTS, ...FLEET_EVENTS]),
    workspace_id: z.string().describe("Empty for what concerns no single workspace"),
    timestamp: time,
    payload: z.looseObject({}).describe("Times in it are milliseconds since the epoch"),
  }),
);

export const activityPage = z.object({ activity: z.array(event), nextBefore: z.string().nullable() });

export const restarting = z.object({
  restarting: z.boolean(),
  cooling: z.boolean(),
  startedAt: time.nullable(),
  cooldownEndsAt: time.nullable(),
});

const valued = <Value extends z.ZodType>(value: Value) =>
  z.object({ value, from: z.string().nullable().describe("Where the value comes from, such as a place of the file") });
export const effectivePolicy = z.object({
  workspaceId: z.string(),
  profile: z.enum(PROFILES),
  override: z.string().nullable().describe("The file's override that matches the workspace"),
  cooldownMs: valued(count),
  retry: z.object({ backoffMs: valued(count), maxBackoffMs: valued(count), breakerAfter: valued(count) }),
  loop: z.object({ cycles: valued(count), withinMs: valued(count) }),
  budget: z.object({ cycles: valued(count), downtimeMs: valued(count) }),
  quietHours: valued(
    z
      .object({
        timeZone: z.string(),
        windows: z.array(z.object({ from: z.string(), until: z.string() })),
        except: z.array(z.string()).optional(),
      })
      .nullable(),
  ),
  sources: z.record(
    z.string(),
    z.object({
      windowMs: valued(count),
      leading: valued(z.boolean()),
      trailing: valued(z.boolean()),
      maxWaitMs: valued(count),
      cooldown: valued(z.enum(["defer", "drop", "ignore"])),
      running: valued(z.enum(["follow-up", "drop"])),
      automatic: valued(z.boolean()),
    }),
  ),
  file: z.object({
    revision: z.string().describe("Names the content in force"),
    loadedAt: time,
    rejected: z
      .object({ at: time, reason: z.string() })
      .nullable()
      .describe("Why the file that is there is not in force"),
  }),
});

const tally = z.object({
  cycles: count,
  decisions: z.record(z.string(), count).describe("How often each `decision/rule` was made"),
  duringCycle: count.describe("Triggers that came while a cycle ran"),
});
const comparison = {
  triggers: count,
  differing: count.describe("Triggers that the two decided differently"),
  active: tally,
  shadow: tally,
};
export const shadowReport = z.object({
  ...comparison,
  workspaceId: z.string(),
  revision: z.string(),
  since: time.nullable().describe("The first trigger it saw"),
  cycleMs: count.describe("How long its cycles last: as the last good one"),
  shadow: z.object({
    ...tally.shape,
    uncovered: count.describe("Triggers it dropped since its last cycle started"),
    starts: z.array(time).describe("Of its newest 50 cycles"),
  }),
  days: z.array(z.object({ date: z.iso.date(), ...comparison })),
});

const outcome = { triggerId: z.string(), workspaceId: z.string() };
export const triggerOutcome = z.union([
  z.object({ ...outcome, status: z.enum(["dropped", "refused"]), rule: z.enum(RULES) }),
  z.object({ ...outcome, status: z.literal("pending"), phase: z.enum(PHASES), dueAt: time.nullable() }),
  z.object({ ...outcome, status: z.literal("running"), cycleId: z.string(), attempt: count }),
  z.object({ ...outcome, status: z.literal("done"), cycleId: z.string().optional() }),
  z.object({ ...outcome, status: z.literal("failed"), error: z.string().optional() }),
  z.object({ ...outcome, status: z.literal("canceled") }),
]);

export const rollout = name(
  "Rollout",
  z.object({
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
    selector: rolloutSelector.nullable().describe("Null when ids were given"),
    source: z.string(),
    reason: z.string().nullable(),
    actor: z.string(),
    maxConcurrent: count,
    splayMs: count,
    canary: canary.nullable(),
    canaries: z.object({ count, passed: z.boolean() }),
    pauseOnFailure: count.nullable(),
    budget: rolloutBudget.nullable(),
    createdAt: time,
    startedAt: time.nullable().describe("When the list of its members was whole"),
    endedAt: time.nullable(),
    counts: z.object({ total: count, waiting: count, running: count, done: count, failed: count, skipped: count }),
  }),
);

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

export const desired = z.object({
  id: z.string(),
  desired: z.enum(DESIRES),
  generation,
  changed: z.boolean().describe("False when it was so already"),
  waitsFor: z.enum(RULES).optional().describe("What keeps a start waiting: it begins by itself once that is over"),
  descendants: z
    .array(z.object({ id: z.string(), kind: z.enum(["accepted", "unchanged", "unknown", "removing", "failed"]) }))
    .optional()
    .describe("With `cascade`: what became of each"),
});

const written = z.object({ path: z.string(), bytes: count });
export const fileList = z.object({
  files: z.array(z.object({ path: z.string(), bytes: count, modifiedAt: time })),
});
export const fileWritten = z.object({ path: z.string(), bytes: count, restart: receipt });
export const fileRemoved = z.object({ path: z.string(), restart: receipt });
export const filesWritten = z.object({ files: z.array(written), restart: receipt });
export const templateImported = z.object({
  template: z.string().nullable(),
  files: z.array(written),
  restart: receipt,
});

export const webhook = name(
  "Webhook",
  z.object({
    id: z.string(),
    url: z.string().describe("Only where it leads to: the rest may be a secret"),
    events: z
      .array(z.enum([...EVENTS, ...FLEET_EVENTS]))
      .nullable()
      .describe("null: all"),
    workspaces: z.array(z.string()).nullable().describe("null: all"),
    format: z.enum(WEBHOOK_FORMATS),
    status: z.enum(["active", "failing", "disabled"]),
    createdAt: time,
    delivered: count,
    lastDeliveredAt: time.nullable(),
    failure: z
      .object({ since: time, attempts: count, error: z.string(), retryAt: time.nullable() })
      .nullable()
      .describe("The event that comes next was not taken yet"),
    disabled: z.object({ at: time, reason: z.string() }).nullable(),
  }),
);
export const newWebhook = webhook.extend({ secret: z.string() });

export const problem = name(
  "Problem",
  z.looseObject({
    type: z.string().describe('Which problem it is; "about:blank" where the status says it all'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe("What was expected, what came and what to do"),
    fields: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    rule: z.string().optional(),
    receipt: receipt.optional(),
  }),
);
