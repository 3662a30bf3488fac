/** What a person reads of a hint on the board: its workspace as it is now, for the hint itself carries no truth. */
import type { CoveredSource, RestartEvent, WorkspaceState } from "@restart-coordinator/debounce";
import { showWorkspace } from "../representation.ts";

export interface JobDescription {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function describeJob(id: string, workspace: WorkspaceState | undefined): JobDescription {
  if (workspace === undefined) {
    return { name: `${id}: not registered, nothing to do`, data: { workspaceId: id } };
  }
  const { name, status, restart } = showWorkspace(workspace, { withSpec: false });
  const { phase, dueAt, why, cycle, heldUntil, failures, declines, breakerOpen } = restart;
  const called = name === null ? id : `${id} (${name})`;
  const doing = cycle === null ? sourcesOf(workspace.restart.why) : `${cycle.action}, attempt ${cycle.attempt}`;
  return {
    name: `${called}: ${phase}${doing === "" ? "" : `, ${doing}`}`,
    data: {
      workspaceId: id,
      status,
      phase,
      dueAt,
      // What no cycle has begun to cover, and why.
      owed: why,
      cycle,
      ...(heldUntil !== null && { heldUntil }),
      ...(failures > 0 && { failures, breakerOpen }),
      ...(declines > 0 && { declines }),
      more: `/#/workspaces/${id}`,
    },
  };
}

function sourcesOf(covered: readonly CoveredSource[]): string {
  return covered.map(({ source, count }) => `${count} ${source}`).join(", ");
}

const DETAIL_CHARACTERS = 600;

/** The workspace's activity, oldest first: a line for each event, and one for each step of an attempt. */
export function describeActivity(newestFirst: readonly RestartEvent[]): string[] {
  return newestFirst.toReversed().flatMap(({ timestamp, event, payload }) => {
    const { steps, ...rest } = payload;
    const taken = Array.isArray(steps) ? (steps as StepOfEvent[]).map(describeStep) : [];
    return [...taken, line(timestamp, event, rest)];
  });
}

interface StepOfEvent {
  readonly name: string;
  readonly startedAt: number;
  readonly durationMs?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
}

function describeStep({ name, startedAt, durationMs, detail = {} }: StepOfEvent): string {
  const took = durationMs === undefined ? "" : ` (${durationMs} ms)`;
  return line(startedAt, `  ${name}${took}`, detail);
}

function line(at: number, what: string, detail: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify(detail);
  const told = json === "{}" ? "" : ` ${json.slice(0, DETAIL_CHARACTERS)}`;
  return `${new Date(at).toISOString()} ${what}${told}`;
}
