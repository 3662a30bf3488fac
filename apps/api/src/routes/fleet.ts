/** All workspaces at once: how they stand, a line for each, what happened over the last hours. */
import { PHASES, STATUSES, type WorkspaceState } from "@restart-coordinator/debounce";
import { z } from "zod";
import { count, time } from "../answers.ts";
import type { ApiContext } from "../context.ts";
import { workspaceId } from "../input.ts";
import { type Route, reply, route } from "../route.ts";

const fleet = { tag: "Workspaces", method: "GET", scope: "read" } as const;

const getFleet = route({
  ...fleet,
  id: "getFleet",
  summary: "How the fleet stands now, counted",
  path: "/fleet",
  answers: {
    200: {
      description: "By Redis' clock, which all times here are of",
      content: z.object({
        now: time,
        registered: count,
        phases: z.record(z.enum(PHASES), count),
        oldestDueAgeMs: z.number().min(0).describe("How long the oldest due restart has been waiting for a worker"),
        workers: z
          .array(count)
          .nullable()
          .describe("Workers that wait for hints, by shard; null where Redis does not tell its clients"),
        webhooksDisabled: count,
      }),
    },
  },
  async handle(context) {
    const { coordinator, hints, webhooks } = context;
    const [now, census, workers, { disabled }] = await Promise.all([
      coordinator.now(),
      coordinator.census(),
      hints.countWorkers(),
      webhooks.registry.census(),
    ]);
    const { registered, phases, oldestDueAgeMs } = census;
    const counted = { registered, phases, oldestDueAgeMs, workers: workers ?? null, webhooksDisabled: disabled };
    return reply(200, { now: new Date(now).toISOString(), ...counted });
  },
});

const line = z.object({
  id: z.string(),
  name: z.string().nullable(),
  runtime: z.string().nullable(),
  tags: z.record(z.string(), z.string()),
  status: z.enum(STATUSES),
  phase: z.enum(PHASES),
  dueAt: time.nullable(),
  startedAt: time.nullable().describe("Of the running cycle"),
  owed: count.describe("Triggers that no cycle has begun to cover"),
  owedSince: time.nullable(),
  sources: z.array(z.string()).describe("Of what is owed"),
  heldUntil: time.nullable(),
  budgetUntil: time.nullable(),
  looping: z.boolean(),
});

const listFleet = route({
  ...fleet,
  id: "listFleet",
  summary: "A line for each workspace",
  path: "/fleet/workspaces",
  query: z.object({
    cursor: workspaceId.optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
    ids: z
      .string()
      .transform((text) => text.split(","))
      .pipe(z.array(workspaceId).max(100))
      .optional()
      .describe("Those alone, at most 100, separated by commas; who is not registered is left out"),
  }),
  answers: {
    200: {
      description: "A page in the order of ids; `nextCursor` leads on, null at the end",
      content: z.object({ workspaces: z.array(line), nextCursor: z.string().nullable() }),
    },
  },
  async handle({ coordinator }, { query: { ids, ...page } }) {
    if (ids !== undefined) {
      const found = await Promise.all(ids.map((id) => coordinator.workspace(id)));
      return reply(200, { workspaces: found.filter((each) => each !== undefined).map(lineOf), nextCursor: null });
    }
    const { workspaces, nextCursor = null } = await coordinator.registry.list(page);
    return reply(200, { workspaces: workspaces.map(lineOf), nextCursor });
  },
});

const getFleetHistory = route({
  ...fleet,
  id: "getFleetHistory",
  summary: "Restarts and suppressed triggers of the last six hours, and who is noisiest",
  description: "Counted from the events that the streams still hold (the newest 10,000 of a shard).",
  path: "/fleet/history",
  answers: {
    200: {
      description: "In buckets of five minutes, oldest first",
      content: z.object({
        from: time,
        bucketMs: count,
        buckets: z.array(z.object({ at: time, restarts: count, failures: count, suppressed: count })),
        sources: z.array(z.object({ name: z.string(), count })).describe("By triggers, most first"),
        workspaces: z.array(z.object({ name: z.string(), count, restarts: count })).describe("By triggers, most first"),
      }),
    },
  },
  async handle({ coordinator, history }: ApiContext) {
    const { from, buckets, ...rest } = await history.upTo(await coordinator.now());
    const iso = (ms: number) => new Date(ms).toISOString();
    return reply(200, {
      ...rest,
      from: iso(from),
      buckets: buckets.map(({ at, ...counts }) => ({ at: iso(at), ...counts })),
    });
  },
});

export const fleetRoutes: readonly Route[] = [getFleet, listFleet, getFleetHistory];

function lineOf({ id, name, runtime, tags, status, restart }: WorkspaceState): z.input<typeof line> {
  const { phase, why, loop } = restart;
  const iso = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  const firsts = why.map(({ firstAt }) => firstAt);
  return {
    ...{ id, tags, status, phase },
    name: name ?? null,
    runtime: runtime ?? null,
    dueAt: iso(restart.dueAt),
    startedAt: iso(restart.startedAt),
    owed: why.reduce((sum, { count }) => sum + count, 0),
    owedSince: iso(firsts.length === 0 ? undefined : Math.min(...firsts)),
    sources: why.map(({ source }) => source),
    heldUntil: iso(restart.heldUntil),
    budgetUntil: iso(restart.budgetUntil),
    looping: loop !== undefined,
  };
}
