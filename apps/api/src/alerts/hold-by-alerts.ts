/** Puts on, renews and releases the holds of alerts. */
import type { RestartCoordinator, WorkspaceState } from "@restart-coordinator/debounce";
import { type Alert, namedIds, selects } from "./alert.ts";

export interface Held {
  /** Holds that were put on or last longer now. */
  readonly held: number;
  readonly released: number;
  /** Holds that could not be put on: the workspace has as many as it may, or somebody else's of that name. */
  readonly skipped: number;
}

const AT_ONCE = 20;
const PAGE = 200;

/**
 * Holds what firing alerts select, and releases what resolved ones held, whatever they select by now. Again and again with
 * the same alerts it only makes the holds last longer.
 *
 * @throws CoordinatorUnavailableError; asked again it completes what is missing
 */
export async function holdByAlerts(
  coordinator: RestartCoordinator,
  alerts: readonly Alert[],
  { owner, holdMs }: { readonly owner: string; readonly holdMs: number },
): Promise<Held> {
  const counts = { held: 0, released: 0, skipped: 0 };
  const one = async (workspace: WorkspaceState): Promise<void> => {
    const standing = new Set(workspace.restart.holds.filter((hold) => hold.owner === owner).map(({ id }) => id));
    for (const alert of alerts) {
      const { hold, reason } = alert;
      if (!alert.isFiring && standing.has(hold)) {
        const { kind } = await coordinator.verbs.release(workspace.id, { actor: owner, which: { hold } });
        if (kind === "released") counts.released += 1;
      }
      if (!alert.isFiring || !selects(alert, workspace)) continue;
      const by = { hold, holdMs, actor: owner, reason, renews: true };
      const { kind } = await coordinator.verbs.hold(workspace.id, by);
      if (kind === "held") counts.held += 1;
      else if (kind !== "unknown") counts.skipped += 1;
    }
  };
  for await (const some of selectable(coordinator, alerts)) await Promise.all(some.map(one));
  return counts;
}

/** The workspaces that alerts can mean, a few at a time: those that are named, or all there are. */
async function* selectable(
  coordinator: RestartCoordinator,
  alerts: readonly Alert[],
): AsyncGenerator<WorkspaceState[]> {
  if (alerts.every(({ workspaceId }) => workspaceId !== undefined)) {
    for (const ids of inParts(namedIds(alerts))) {
      const found = await Promise.all(ids.map((id) => coordinator.workspace(id)));
      yield found.filter((workspace) => workspace !== undefined);
    }
    return;
  }
  for (let cursor: string | undefined; ; ) {
    const page = await coordinator.registry.list({ cursor, limit: PAGE });
    yield* inParts(page.workspaces);
    if (page.nextCursor === undefined) return;
    cursor = page.nextCursor;
  }
}

function* inParts<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let at = 0; at < items.length; at += AT_ONCE) yield items.slice(at, at + AT_ONCE);
}
