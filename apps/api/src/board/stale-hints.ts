/**
 * Takes away the delayed hints that nobody needs any more. A hint stays when what it was for was canceled, flushed or moved;
 * it does no harm, but on the board it would say that something is due which is not.
 *
 * Hints carry no truth: one that is taken away in error costs a sweep interval.
 */
import type { RestartCoordinator } from "@restart-coordinator/debounce";
import { type HintData, workspaceOfJob } from "@restart-coordinator/service";
import type { Queue } from "bullmq";

/** The next ones to come, of which each workspace keeps its first. */
const MOST_COMPARED = 1_000;
/** Of so many, what the workspace makes of them is looked up. */
const MOST_LOOKED_UP = 100;

export async function removeStaleHints(queue: Queue<HintData>, coordinator: RestartCoordinator): Promise<void> {
  const ids = await queue.getRanges(["delayed"], 0, MOST_COMPARED - 1, true);
  const first = new Map<string, string>();
  const stale: string[] = [];
  for (const id of ids) {
    const workspaceId = workspaceOfJob(id);
    // Whoever looks at the first one gives another hint, if it is too early.
    if (first.has(workspaceId)) stale.push(id);
    else first.set(workspaceId, id);
  }
  const looks = [...first].slice(0, MOST_LOOKED_UP).map(async ([workspaceId, id]) => {
    const workspace = await coordinator.workspace(workspaceId);
    if (workspace === undefined || workspace.restart.phase === "idle") stale.push(id);
  });
  await Promise.all(looks);
  // A worker may have taken it meanwhile.
  await Promise.all(stale.map((id) => queue.remove(id).catch(() => {})));
}
