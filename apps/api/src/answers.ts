/** What more than one route answers, as schemas. A test holds real answers against them. */
import { BECAUSE, type CycleAction, DECISIONS, OUTCOMES, PHASES, RULES, STATUSES } from "@restart-coordinator/debounce";
import { z } from "zod";
import { ALL_EVENTS } from "./input.ts";

const CYCLE_ACTIONS = ["restart", "stop", "remove"] as const satisfies readonly CycleAction[];

export const time = z.iso.datetime();
export const count = z.number().int().min(0);
export const generation = z.number().int().describe("Rises with everything that is asked for");

export const receipt = z
  .object({
    triggerId: z.string(),
    workspaceId: z.string(),
    source: z.string(),
    decision: z.enum(DECISIONS),
    rule: z.enum(RULES),
    generation,
    dueAt: time.nullable().describe("When the covering cycle may start, as far as known"),
    duringCycle: z.boolean(),
  })
  .meta({ id: "Receipt" });

const covered = z
  .object({
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
  })
  .meta({ id: "Covered" });

const cycle = z.object({
  id: z.string(),
  generation,
  action: z.enum(CYCLE_ACTIONS),
  attempt: count,
  stopAsked: z.boolean().describe("Somebody asked it to stop, which it does at its next safe point"),
  startedAt: time,
  covers: z.array(covered),
  steps: z
    .array(
      z.object({
        name: z.string(),
        startedAt: time,
        durationMs: count.optional(),
        detail: z.looseObject({}).optional(),
      }),
    )
    .describe("What the attempt under way did so far, as its worker last said"),
});

const lastCycle = z.object({
  id: z.string(),
  generation,
  action: z.enum(CYCLE_ACTIONS).optional().describe("Not told of one that was superseded"),
  outcome: z.enum(OUTCOMES),
  startedAt: time,
  endedAt: time,
  attempt: count,
  error: z.string().optional(),
  cancelTooLate: z.boolean().optional().describe("Canceled, and past its last safe point"),
  covers: z.array(covered),
});

export const hold = z
  .object({ id: z.string(), owner: z.string(), reason: z.string().nullable(), since: time, endsAt: time })
  .meta({ id: "Hold" });

export const workspace = z
  .object({
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
    seenAt: time
      .nullable()
      .describe("When a worker saw it alive last; `online` that was not seen for long is `unknown`"),
    down: z
      .object({
        since: time,
        seen: z.string().describe("What was seen"),
        crashes: count.describe("How often in a row it went down soon after a restart"),
      })
      .nullable()
      .describe("It should run and was seen not to"),
    stray: z.string().nullable().describe("What runs of it that should not, or is not ours"),
    drift: z
      .object({ fields: z.array(z.string()).describe("Names, such as `env.TOKEN`"), since: time })
      .nullable()
      .describe("In what that which runs differs from its spec, laid over the worker's defaults"),
    restart: z.object({
      phase: z.enum(PHASES),
      generation,
      observedGeneration: generation,
      dueAt: time.nullable(),
      because: z.enum(BECAUSE).nullable().describe("What it waits for last, or why it is due when it is"),
      deadlineAt: time.nullable().describe("Triggers that wait for quiet are due no later than then"),
      startedAt: time.nullable(),
      cooldownEndsAt: time.nullable(),
      heldUntil: time.nullable().describe("The end of the hold that lasts longest"),
      holds: z.array(hold).describe("Each hold that stands, in the order in which they were put on"),
      budgetUntil: time.nullable().describe("The restart budget of the day is spent until then"),
      loop: z
        .object({ source: z.string(), reason: z.string(), cycles: z.array(z.string()) })
        .nullable()
        .describe("What followed each of these restarts, which is why nothing starts by itself"),
      why: z.array(covered).describe("What is owed"),
      cycle: cycle.nullable(),
      lastCycle: lastCycle.nullable(),
      failures: count,
      declines: count.describe("How often in a row a restart was declined; nothing was touched"),
      breakerOpen: z.boolean(),
    }),
  })
  .meta({ id: "Workspace" });

/** What comes out of Redis is any string to the compiler. */
export const anyEvent: z.ZodType<string> = z.enum(ALL_EVENTS);
export const event = z
  .object({
    id: z.string(),
    event: anyEvent,
    workspace_id: z.string().describe("Empty for what concerns no single workspace"),
    timestamp: time,
    payload: z.looseObject({}).describe("Times in it are milliseconds since the epoch"),
  })
  .meta({ id: "Event" });

export const problem = z
  .looseObject({
    type: z.string().describe('Which problem it is; "about:blank" where the status says it all'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe("What was expected, what came and what to do"),
    fields: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    rule: z.string().optional(),
    receipt: receipt.optional(),
  })
  .meta({ id: "Problem" });
