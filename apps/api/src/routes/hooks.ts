/** What other systems post here in formats of their own. */
import { z } from "zod";
import { alertmanagerMessage, alertsOf } from "../alerts/alert.ts";
import { holdByAlerts } from "../alerts/hold-by-alerts.ts";
import { count } from "../answers.ts";
import { actorOf } from "../context.ts";
import { type Route, reply, route } from "../route.ts";

/** It outlasts Alertmanager's usual `repeat_interval` of four hours, so that an alert that goes on never lets go. */
const USUAL_HOLD_MS = 6 * 60 * 60 * 1_000;

const alertmanager = route({
  id: "alertmanager",
  tag: "Restarts",
  summary: "Hold what firing alerts select, release what resolved ones held",
  description:
    "Takes what Alertmanager's webhook receiver posts (version 4). An alert selects workspaces by its labels `workspace` (an " +
    "id), `tag_<name>` and those that `tags` names; one without any of them selects nothing.",
  method: "POST",
  path: "/hooks/alertmanager",
  scope: "operate",
  limitedScope: "alerts",
  query: z.object({
    tags: z
      .string()
      .regex(/^\w{1,64}(,\w{1,64}){0,19}$/, "expected 1 to 20 names of labels, separated by commas")
      .optional()
      .describe("Labels that have the names of tags, such as team,env"),
    holdMs: z.coerce
      .number()
      .int()
      .min(60_000)
      .max(604_800_000)
      .default(USUAL_HOLD_MS)
      .describe("How long a hold lasts that no further notification renews"),
  }),
  body: alertmanagerMessage,
  answers: {
    200: {
      description: "What came of it",
      content: z.object({
        alerts: count.describe("That select by something"),
        held: count.describe("Holds that were put on or renewed"),
        released: count,
        skipped: count.describe("Workspaces that have 32 holds already"),
      }),
    },
  },
  async handle({ coordinator }, { query: { tags, holdMs }, body, caller }) {
    const alerts = alertsOf(body, tags?.split(",") ?? []);
    const counts = await holdByAlerts(coordinator, alerts, { owner: actorOf(caller), holdMs });
    return reply(200, { alerts: alerts.length, ...counts });
  },
});

export const hookRoutes: readonly Route[] = [alertmanager];
