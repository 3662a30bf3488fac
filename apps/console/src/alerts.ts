/** The alerts that would fire by what the page knows; their thresholds are those of monitoring/alerts.yml. Pure. */

import { durationOf } from "./times.tsx";
import type { Fleet, Line } from "./types.ts";
import { plural } from "./words.ts";

export interface Alert {
  readonly name: string;
  readonly severity: "critical" | "warning";
  readonly text: string;
  /** Finds whom it is about, as the fleet's query. */
  readonly query?: string;
}

const DUE_TOO_LONG_MS = 60_000;

export function alertsOf(fleet: Fleet, lines: readonly Line[], now: number): Alert[] {
  const { workers, oldestDueAgeMs, phases, webhooksDisabled } = fleet;
  const without = (workers ?? []).filter((count) => count === 0).length;
  const looping = lines.filter((line) => line.looping).length;
  const failed = Math.max(0, (phases.failed ?? 0) - looping);
  const spent = lines.filter(({ budgetUntil }) => budgetUntil !== null && Date.parse(budgetUntil) > now).length;
  const where =
    (workers?.length ?? 0) > 1 ? `${plural(without, "shard has", "shards have")} no worker` : "No worker is alive";
  const alerts: (Alert | false)[] = [
    without > 0 && { name: "RestartNoWorker", severity: "critical", text: `${where}: what is asked for stays owed` },
    oldestDueAgeMs > DUE_TOO_LONG_MS && {
      name: "RestartDueTooLong",
      severity: "critical",
      text: `A due restart has been waiting for a worker for ${durationOf(oldestDueAgeMs)}`,
      query: "phase=scheduled",
    },
    failed > 0 && {
      name: "RestartBreakerOpen",
      severity: "warning",
      text: `${workspacesWords(failed)} failed too often; nothing is tried by itself`,
      query: "phase=failed",
    },
    looping > 0 && {
      name: "RestartLoop",
      severity: "warning",
      text: `${workspacesWords(looping)} in a loop with the restarts`,
      query: "is=looping",
    },
    spent > 0 && {
      name: "RestartBudgetSpent",
      severity: "warning",
      text: `${workspacesWords(spent)} spent the budget of the day`,
      query: "is=spent",
    },
    webhooksDisabled > 0 && {
      name: "RestartWebhookDisabled",
      severity: "warning",
      text: `${plural(webhooksDisabled, "webhook was", "webhooks were")} given up, and told nothing`,
    },
  ];
  return alerts.filter((alert) => alert !== false) as Alert[];
}

function workspacesWords(count: number): string {
  return count === 1 ? "1 workspace" : `${count.toLocaleString("en")} workspaces`;
}
