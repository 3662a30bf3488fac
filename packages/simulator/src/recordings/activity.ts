/**
 * The activity of workspaces, as `GET /workspaces/{id}/activity` answers it. It tells of a cycle how many triggers of
 * each source it covers, when the first and the last came; those between are spread evenly. Of dropped triggers it tells
 * the first per window. So a replay of it is close, not exact; the API's log has every trigger.
 */
import { z } from "zod";
import { type RecordedTrigger, type Recording, SimulationError, sinceTheFirst } from "./recording.ts";

const time = z.union([z.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]);
const covered = z.object({ source: z.string(), count: z.number().int().min(1), firstAt: time, lastAt: time });
export type Covered = z.infer<typeof covered>;

const entry = z.object({
  event: z.string(),
  workspace_id: z.string(),
  timestamp: time,
  payload: z.record(z.string(), z.unknown()).default({}),
});
export const activityPage = z.object({ activity: z.array(entry), nextBefore: z.string().nullish() });
export type ActivityEntry = z.infer<typeof entry>;
export const owedList = z.array(covered);

/** `owed`: what no cycle covers yet, from the workspace's state. @throws SimulationError */
export function triggersOf(
  entries: readonly ActivityEntry[],
  owed: readonly (Covered & { workspace: string })[],
  where: string,
): Pick<Recording, "triggers" | "startsAtMs"> {
  const dropped: RecordedTrigger[] = [];
  // What an unfinished cycle gave back turns up again, with more, in the next one.
  const groups = new Map<string, Covered & { workspace: string }>();
  const add = (group: Covered & { workspace: string }): void => {
    const key = `${group.workspace} ${group.source} ${group.firstAt}`;
    if ((groups.get(key)?.count ?? 0) <= group.count) groups.set(key, group);
  };
  for (const { event, workspace_id: workspace, timestamp, payload } of entries) {
    if (event === "WORKSPACE_RESTART_DROPPED") {
      const unchanged = payload.rule === "unchanged";
      dropped.push({ atMs: timestamp, workspace, source: String(payload.source), where, unchanged });
    }
    if (event !== "WORKSPACE_AUTO_RESTART_FIRED" || payload.covers === undefined) continue;
    const covers = owedList.safeParse(payload.covers);
    if (!covers.success)
      throw new SimulationError(`${where}: the covers of a cycle of ${workspace} are not a list of sources`);
    for (const group of covers.data) add({ ...group, workspace });
  }
  for (const group of owed) add(group);
  return sinceTheFirst([...dropped, ...[...groups.values()].flatMap((group) => spread(group, where))]);
}

function spread({ workspace, source, count, firstAt, lastAt }: Covered & { workspace: string }, where: string) {
  const gap = count === 1 ? 0 : (lastAt - firstAt) / (count - 1);
  return Array.from({ length: count }, (_, i) => ({ atMs: Math.round(firstAt + i * gap), workspace, source, where }));
}
