/** Alerts as Alertmanager posts them, and what of an alert concerns holds. Pure. */
import { createHash } from "node:crypto";
import { isWorkspaceId, type WorkspaceState } from "@restart-coordinator/debounce";
import { z } from "zod";

/** Whatever is of another kind counts as not there: a valid message is never refused for what is not used of it. */
const texts = z.record(z.string(), z.string().catch("")).nullish().catch(null);

/** The webhook format, version 4: what is used of it. Alertmanager, and what is compatible with it, sends more. */
export const alertmanagerMessage = z.looseObject({
  alerts: z
    .array(
      z.looseObject({
        status: z.string().catch(""),
        labels: texts,
        annotations: texts,
        fingerprint: z.string().nullish().catch(null),
      }),
    )
    .max(10_000)
    .nullish(),
});

/** An alert that selects workspaces. */
export interface Alert {
  /** Of the hold that it puts on: the same for every notification of the alert. */
  readonly hold: string;
  readonly isFiring: boolean;
  /** The one of this id; undefined = whichever. */
  readonly workspaceId: string | undefined;
  /** Each of these tags has this value. */
  readonly tags: Readonly<Record<string, string>>;
  readonly reason: string;
}

const TAG_PREFIX = "tag_";
const FINGERPRINT = /^[\w-]{1,64}$/;

/**
 * Reads the alerts that select workspaces: by the label `workspace`, an id, by labels `tag_<name>`, and by those of `tagLabels`,
 * which have the names of tags. One that has none of these selects nothing, and is left out.
 */
export function alertsOf({ alerts }: z.output<typeof alertmanagerMessage>, tagLabels: readonly string[]): Alert[] {
  return (alerts ?? []).flatMap(({ status, labels, annotations, fingerprint }) => {
    const given = Object.entries(labels ?? {}).filter(([, value]) => value !== "");
    const { workspace, alertname = "an alert" } = Object.fromEntries(given);
    const tags = Object.fromEntries(
      given.flatMap(([name, value]) => {
        if (name.startsWith(TAG_PREFIX)) return [[name.slice(TAG_PREFIX.length), value]];
        return tagLabels.includes(name) ? [[name, value]] : [];
      }),
    );
    if (workspace === undefined && Object.keys(tags).length === 0) return [];
    if (status !== "firing" && status !== "resolved") return [];
    const summary = annotations?.summary ?? annotations?.description ?? "";
    return [
      {
        hold: `alert:${FINGERPRINT.test(fingerprint ?? "") ? fingerprint : fingerprintOf(given)}`,
        isFiring: status === "firing",
        workspaceId: workspace,
        tags,
        reason: summary === "" ? alertname : `${alertname}: ${summary}`,
      },
    ];
  });
}

/** Tells whether an alert selects a workspace: by all that it says. */
export function selects({ workspaceId, tags }: Alert, workspace: Pick<WorkspaceState, "id" | "tags">): boolean {
  if (workspaceId !== undefined && workspaceId !== workspace.id) return false;
  const has = (tag: string, value: string) => Object.hasOwn(workspace.tags, tag) && workspace.tags[tag] === value;
  return Object.entries(tags).every(([tag, value]) => has(tag, value));
}

/** Old senders give none. */
function fingerprintOf(labels: readonly (readonly [string, string])[]): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

/** The ids that alerts name, as far as they can be ids. */
export function namedIds(alerts: readonly Alert[]): string[] {
  const ids = alerts.flatMap(({ workspaceId }) => (workspaceId === undefined ? [] : [workspaceId]));
  return [...new Set(ids)].filter((id) => isWorkspaceId(id));
}
