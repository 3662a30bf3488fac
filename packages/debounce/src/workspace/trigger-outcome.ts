/** What became of a trigger, read from its id, the workspace's state and its activity. Pure. */
import type { RestartEvent } from "../event.ts";
import type { TriggerId } from "../triggers/trigger-id.ts";
import type { Rule } from "../vocabulary.ts";
import type { WorkspaceState } from "./workspace-state.ts";

export type TriggerOutcome =
  /** By policy nothing covers it, or the workspace may not be restarted. */
  | { readonly status: "dropped" | "refused"; readonly rule: Rule }
  /** Owed: a cycle will cover it, at `dueAt` at the earliest (ms; undefined = not by itself: held, or the breaker is open). */
  | { readonly status: "pending"; readonly phase: string; readonly dueAt: number | undefined }
  | { readonly status: "running"; readonly cycleId: string; readonly attempt: number }
  /** Covered by a good cycle; its id is known as long as the activity reaches back. */
  | { readonly status: "done"; readonly cycleId: string | undefined }
  /** The last attempt failed and none starts by itself: a person or a new change must ask. */
  | { readonly status: "failed"; readonly error: string | undefined }
  | { readonly status: "canceled" };

/** Undefined when the workspace does not know such a trigger (any more). */
export function outcomeOf(
  trigger: TriggerId,
  workspace: WorkspaceState,
  activity: readonly RestartEvent[],
): TriggerOutcome | undefined {
  const { decision, rule, generation } = trigger;
  if (trigger.workspaceId !== workspace.id) return undefined;
  if (decision === "dropped" || decision === "refused") return { status: decision, rule };
  const { restart } = workspace;
  // A generation is at least the time it was handed out: an earlier one is of another workspace that had the same id.
  if (generation > restart.generation || generation < workspace.createdAt) return undefined;
  if (generation <= restart.observedGeneration) return settled(generation, activity);

  const { cycle, phase, lastCycle } = restart;
  if (phase === "running" && cycle !== undefined && cycle.action === "restart" && cycle.generation >= generation) {
    return { status: "running", cycleId: cycle.id, attempt: cycle.attempt };
  }
  if (phase === "failed") {
    const { loop } = restart;
    const error = loop === undefined ? lastCycle?.error : `${loop.source} is in a loop with our own restarts`;
    return { status: "failed", error };
  }
  return { status: "pending", phase, dueAt: restart.dueAt };
}

/** The first thing that settled it: a good cycle that had read it, or an operator who canceled it. */
function settled(generation: number, activity: readonly RestartEvent[]): TriggerOutcome {
  const oldestFirst = [...activity].reverse();
  const settling = oldestFirst.find(
    ({ payload }) => typeof payload.observed === "number" && payload.observed >= generation,
  );
  if (settling === undefined) return { status: "done", cycleId: undefined };
  const { cycle, generation: read } = settling.payload;
  // A cycle that ended well under a cancel covered what it had read; what waited for the next one is canceled.
  const wasCovered = settling.event !== "WORKSPACE_RESTART_CANCELED" && generation <= Number(read);
  return wasCovered ? { status: "done", cycleId: cycle as string | undefined } : { status: "canceled" };
}
