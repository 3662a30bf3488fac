/** The policy of a workspace, and what a second one would have done with the same triggers. */
import { PROFILES } from "@restart-coordinator/debounce";
import { z } from "zod";
import { count, time } from "../answers.ts";
import { assertRegistered } from "../context.ts";
import { ofWorkspace } from "../input.ts";
import { Problem, unknownWorkspace } from "../problem.ts";
import { showPolicy } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";
import { showShadow } from "../shadow-representation.ts";

const valued = <Value extends z.ZodType>(value: Value) =>
  z.object({ value, from: z.string().nullable().describe("Where the value comes from, such as a place of the file") });
const effectivePolicy = z.object({
  workspaceId: z.string(),
  profile: z.enum(PROFILES),
  override: z.string().nullable().describe("The file's override that matches the workspace"),
  cooldownMs: valued(count),
  retry: z.object({ backoffMs: valued(count), maxBackoffMs: valued(count), breakerAfter: valued(count) }),
  loop: z.object({ cycles: valued(count), withinMs: valued(count) }),
  budget: z.object({ cycles: valued(count), downtimeMs: valued(count) }),
  observe: z.object({ downAfter: valued(count), action: valued(z.enum(["restart", "report"])) }),
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
const shadowReport = z.object({
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

const getPolicy = route({
  id: "getPolicy",
  tag: "Workspaces",
  summary: "The policy of a workspace, and the origin of each value",
  method: "GET",
  path: "/workspaces/:id/policy",
  scope: "read",
  params: ofWorkspace,
  answers: { 200: { description: "The policy in force", content: effectivePolicy } },
  async handle({ coordinator, policies }, { params: { id } }) {
    const workspace = await coordinator.workspace(id);
    if (workspace === undefined) throw unknownWorkspace(id);
    return reply(200, showPolicy(id, policies.explain(workspace), policies.status));
  },
});

const getShadowPolicy = route({
  id: "getShadowPolicy",
  tag: "Workspaces",
  summary: "What the shadow policy would have done in the last seven days",
  method: "GET",
  path: "/workspaces/:id/policy/shadow",
  scope: "read",
  params: ofWorkspace,
  answers: { 200: { description: "Both policies, side by side", content: shadowReport } },
  problems: { 404: "Unknown workspace, or no shadow policy is configured" },
  async handle(context, { params: { id } }) {
    await assertRegistered(context, id);
    if (context.shadow === undefined) {
      const detail = "no shadow policy is configured: RESTART_SHADOW_PROFILE or RESTART_SHADOW_POLICY_FILE turns it on";
      throw new Problem({ type: "no-shadow", status: 404, title: "No shadow policy", detail });
    }
    return reply(200, showShadow(id, await context.shadow.report(id)));
  },
});

export const policyRoutes: readonly Route[] = [getPolicy, getShadowPolicy];
