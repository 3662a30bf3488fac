/** What if? A workspace's own last days under other policies, in virtual time, by the code that judges its triggers. */
import {
  POLICIES,
  type Policy,
  PROFILES,
  policyFor,
  replay,
  VirtualWorkspace,
  type WorkspaceState,
} from "@restart-coordinator/debounce";
import { ConfigurationError, policiesOf } from "@restart-coordinator/service";
import { triggersOf } from "@restart-coordinator/simulator";
import { z } from "zod";
import { count, time } from "../answers.ts";
import type { ApiContext } from "../context.ts";
import { ofWorkspace, text } from "../input.ts";
import { badFields, unknownWorkspace } from "../problem.ts";
import { type Route, reply, route } from "../route.ts";

const MOST_CHARACTERS = 65_536;
const USUAL_CYCLE_MS = 30_000;
const DAY_MS = 86_400_000;

const simulation = z.object({
  name: z.string().describe('"in force", a profile, or "yours"'),
  cooldownMs: count,
  cycles: z.array(time).describe("Starts"),
  suppressed: count.describe("Triggers that were not fired"),
  uncovered: z.array(time).describe("Writes at or after which no cycle starts"),
  duringCycle: count.describe("Writes that land while a cycle runs"),
  staleP50Ms: count.nullable().describe("From a covered write to the end of the cycle that covers it"),
  staleMaxMs: count.nullable(),
  downtimeMs: count,
});

const simulate = route({
  id: "simulate",
  tag: "Restarts",
  summary: "What would other policies have made of its last days?",
  description:
    "Its activity, replayed in virtual time. The activity tells the first and the last of the triggers that a cycle " +
    "covers, and how many there were: those between are spread evenly.",
  method: "POST",
  path: "/workspaces/:id/simulation",
  scope: "read",
  params: ofWorkspace,
  body: z
    .strictObject({ policy: text().max(MOST_CHARACTERS).optional().describe("A policy file, YAML or JSON") })
    .prefault({}),
  answers: {
    200: {
      description: "Under the policy in force, each profile, and the one given",
      content: z.object({
        cycleMs: count.describe("How long every cycle takes: as the last good one did"),
        triggers: z.array(z.object({ at: time, source: z.string() })),
        simulations: z.array(simulation),
        unknownSources: z.array(z.string()).describe("Of triggers that some policy does not know: they are left out"),
      }),
    },
  },
  problems: { 400: "The policy cannot work; `fields` says why" },
  async handle(context, { params: { id }, body }) {
    const { coordinator } = context;
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    const recorded = await recordedTriggers(context, workspace);
    const policies = policiesFor(context, workspace, body.policy, recorded[0]?.at ?? 0);
    const isKnown = (source: string) => policies.every(({ policy }) => Object.hasOwn(policy.sources, source));
    const triggers = recorded.filter(({ source }) => isKnown(source));
    const unknownSources = [...new Set(recorded.filter(({ source }) => !isKnown(source)).map(({ source }) => source))];
    const cycleMs = cycleMsOf(workspace);
    const simulations: z.input<typeof simulation>[] = [];
    for (const { name, policy } of policies) {
      const input = triggers.map(({ at, source }) => ({ atMs: at, source }));
      const { cycles, suppressed, uncovered, duringCycle, staleMs } = await replay(
        new VirtualWorkspace(policy),
        input,
        cycleMs,
      );
      simulations.push({
        ...{ name, cooldownMs: policy.cooldownMs, suppressed, duringCycle },
        cycles: cycles.map(iso),
        uncovered: uncovered.map(iso),
        staleP50Ms: staleMs[Math.ceil(staleMs.length / 2) - 1] ?? null,
        staleMaxMs: staleMs.at(-1) ?? null,
        downtimeMs: cycles.length * cycleMs,
      });
    }
    return reply(200, {
      cycleMs,
      triggers: triggers.map(({ at, source }) => ({ at: iso(at), source })),
      simulations,
      unknownSources,
    });
  },
});

export const simulationRoutes: readonly Route[] = [simulate];

/** The oldest first; times are ms since the epoch. */
async function recordedTriggers({ coordinator }: ApiContext, workspace: WorkspaceState) {
  const { id, restart } = workspace;
  const owed = restart.why.map(({ source, count, firstAt, lastAt }) => ({
    source,
    count,
    firstAt,
    lastAt,
    workspace: id,
  }));
  const { triggers, startsAtMs = 0 } = triggersOf(await coordinator.activity(id), owed, `the activity of ${id}`);
  return triggers.map(({ atMs, source }) => ({ at: startsAtMs + atMs, source }));
}

/** @throws Problem 400 for a policy that cannot work */
function policiesFor({ policies }: ApiContext, workspace: WorkspaceState, given: string | undefined, fromMs: number) {
  const facts = { id: workspace.id, tags: workspace.tags, runtime: workspace.runtime };
  const all: { name: string; policy: Policy }[] = [
    { name: "in force", policy: policyFor(policies.policies, facts) },
    ...PROFILES.map((name) => ({ name, policy: POLICIES[name] })),
  ];
  if (given === undefined || given.trim() === "") return all;
  try {
    const span = { fromMs, toMs: Date.now() + DAY_MS };
    return [...all, { name: "yours", policy: policyFor(policiesOf(given, {}, span), facts) }];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw badFields(error.problems.map((message) => ({ field: "policy", message })));
  }
}

function cycleMsOf({ restart: { lastCycle } }: WorkspaceState): number {
  if (lastCycle?.outcome !== "ok") return USUAL_CYCLE_MS;
  return Math.max(1, lastCycle.endedAt - lastCycle.startedAt);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
