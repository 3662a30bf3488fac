/**
 * Compares the instances that carry our tags with what is recorded, and tells what does not fit. What it tells may be a
 * restart under way that it saw at a bad moment: so it must see the same twice, and wait a grace period.
 */
import type { CallOptions, Ec2Api, Instance } from "./api.ts";
import { isLive, LIVE } from "./instances.ts";
import { isOurs, TAG } from "./tags.ts";

/** Everything that is recorded of one workspace. */
export interface WorkspaceRecord {
  readonly workspaceId: string;
  /** The registry's `instance`: what the last good restart returned. */
  readonly instance: unknown;
  /** The journal of the cycle, and what a failed one left: whatever id or client token they name is accounted for. */
  readonly journals: readonly unknown[];
  /** A cycle runs, or one is going to be retried: what it launched may not be recorded yet. */
  readonly busy: boolean;
}

export type Finding =
  /** Carries our tags, lives, and no record accounts for it. */
  | { readonly kind: "orphan"; readonly instance: Instance; readonly workspaceId: string; readonly known: boolean }
  /** No record names it, but it is all that its workspace has: the next cycle takes it for the workspace's. */
  | { readonly kind: "unrecorded"; readonly instanceId: string; readonly workspaceId: string }
  /** Recorded, but EC2 does not know it or it is terminated. */
  | { readonly kind: "missing"; readonly instanceId: string; readonly workspaceId: string }
  /** Recorded, and lives, but its tags do not say that it is this workspace's. */
  | { readonly kind: "not-ours"; readonly instanceId: string; readonly workspaceId: string };

export type Report =
  | { readonly kind: "found"; readonly finding: Finding }
  | { readonly kind: "terminated"; readonly instanceId: string; readonly workspaceId: string }
  | {
      readonly kind: "not-terminated";
      readonly instanceId: string;
      readonly workspaceId: string;
      readonly why: string;
    };

export interface ReconcileParts {
  readonly api: Pick<Ec2Api, "findInstances" | "describeInstances" | "terminateInstances">;
  /** As in the tags: nothing of another owner's is ever looked at. */
  readonly owner: string;
  /** All records, read anew each time it is called. */
  readonly records: () => Promise<readonly WorkspaceRecord[]>;
  /** ms since 1970. */
  readonly now: () => number;
  /** What was seen in earlier passes and when first, ms. Keep it between passes; empty at first. */
  readonly sightings: Map<string, number>;
  /** Told of each thing as it is found or done. */
  readonly report: (report: Report) => void;
}

export interface ReconcileOptions extends CallOptions {
  /** How old an orphan must be, and for how long it must have been seen, ms. Default 15 min. */
  readonly graceMs?: number;
  /** Default false: they are only reported. */
  readonly terminate?: boolean;
  /** The most that one pass terminates: more are a reason to look, not to clean up. Default 10. */
  readonly terminateAtMost?: number;
}

const GRACE_MS = 15 * 60_000;

/**
 * One pass. Resolves to what was found, seen before, and past its grace period. Never terminates anything when the
 * records account for no instance at all: then it is the records that got lost. Rejects when the cloud or the records
 * cannot be read; a termination that fails is reported.
 */
export async function reconcile(parts: ReconcileParts, options: ReconcileOptions = {}): Promise<readonly Finding[]> {
  const { api, owner, sightings, now, report } = parts;
  const { graceMs = GRACE_MS, signal } = options;
  // The cloud first: an instance that is launched and recorded in between is in neither, not an orphan.
  const listed = await api.findInstances({ tags: { [TAG.owner]: owner }, states: LIVE }, { signal });
  const records = recordsOf(await parts.records());
  const ours = listed.filter((instance) => isLive(instance) && instance.tags[TAG.owner] === owner);

  const seen = [
    ...orphansAmong(ours, records),
    ...(await astray(ours, records, (ids) => api.describeInstances(ids, { signal }), owner)),
  ];
  const keys = new Set(seen.map(keyOf));
  for (const key of sightings.keys()) if (!keys.has(key)) sightings.delete(key);
  const findings = seen.filter((finding) => {
    const key = keyOf(finding);
    const firstSeen = sightings.get(key);
    if (firstSeen === undefined) sightings.set(key, now());
    const launchedAt = finding.kind === "orphan" ? Date.parse(finding.instance.launchedAt ?? "") || 0 : 0;
    return firstSeen !== undefined && now() - firstSeen >= graceMs && now() - launchedAt >= graceMs;
  });
  for (const finding of findings) report({ kind: "found", finding });
  if (options.terminate === true) await terminateOrphans(parts, options, findings, accountedFor(ours, records));
  return findings;
}

interface Records {
  readonly byWorkspace: ReadonlyMap<string, WorkspaceRecord>;
  /** Every text in any of them: ids and client tokens among them. */
  readonly names: ReadonlySet<string>;
}

function recordsOf(records: readonly WorkspaceRecord[]): Records {
  return {
    byWorkspace: new Map(records.map((record) => [record.workspaceId, record])),
    names: textsIn(records.map(({ instance, journals }) => [instance, journals])),
  };
}

/** Named by any record, be it another workspace's: that is a mistake to be told, and no reason to terminate. */
function isAccountedFor(instance: Instance, { byWorkspace, names }: Records): boolean {
  if (byWorkspace.get(instance.tags[TAG.workspace] ?? "")?.busy) return true;
  return names.has(instance.id) || (instance.clientToken !== undefined && names.has(instance.clientToken));
}

function accountedFor(ours: readonly Instance[], records: Records): number {
  return ours.filter((instance) => isAccountedFor(instance, records)).length;
}

/**
 * Whether a cycle would take it for the workspace's (`findCurrent`): so a pause may have left it, with a strategy that keeps
 * the instance, or a person have put it into service.
 */
function isTheOnlyOne(instance: Instance, ours: readonly Instance[], { byWorkspace }: Records): boolean {
  const workspaceId = instance.tags[TAG.workspace] ?? "";
  const record = byWorkspace.get(workspaceId);
  if (record === undefined) return false;
  const recordedId = instanceIdOf(record.instance);
  const isOther = (other: Instance) => other.tags[TAG.workspace] === workspaceId || other.id === recordedId;
  return ours.every((other) => other.id === instance.id || !isOther(other));
}

function orphansAmong(ours: readonly Instance[], records: Records): Finding[] {
  return ours.flatMap((instance): Finding[] => {
    const workspaceId = instance.tags[TAG.workspace];
    // Without it there is no telling what it is: it was not launched by a cycle.
    if (workspaceId === undefined || isAccountedFor(instance, records)) return [];
    if (isTheOnlyOne(instance, ours, records)) {
      const isAtRest = instance.state === "stopped" || instance.state === "stopping";
      return isAtRest ? [] : [{ kind: "unrecorded", instanceId: instance.id, workspaceId }];
    }
    return [{ kind: "orphan", instance, workspaceId, known: records.byWorkspace.has(workspaceId) }];
  });
}

/** Recorded instances that the listing lacks: asked for by id, for they may have lost their tags. */
async function astray(
  ours: readonly Instance[],
  records: Records,
  describe: (ids: readonly string[]) => Promise<ReadonlyMap<string, Instance>>,
  owner: string,
): Promise<Finding[]> {
  const live = new Map(ours.map((instance) => [instance.id, instance]));
  const recorded = [...records.byWorkspace.values()].flatMap(({ workspaceId, instance, busy }) => {
    const instanceId = instanceIdOf(instance);
    return busy || instanceId === undefined ? [] : [{ workspaceId, instanceId }];
  });
  const unlisted = recorded.filter(({ instanceId }) => !live.has(instanceId)).map(({ instanceId }) => instanceId);
  const found = unlisted.length === 0 ? new Map<string, Instance>() : await describe(unlisted);
  return recorded.flatMap(({ workspaceId, instanceId }): Finding[] => {
    const instance = live.get(instanceId) ?? found.get(instanceId);
    if (!isLive(instance)) return [{ kind: "missing", instanceId, workspaceId }];
    return isOurs(instance, { owner, workspaceId }) ? [] : [{ kind: "not-ours", instanceId, workspaceId }];
  });
}

async function terminateOrphans(
  { api, owner, records, report }: ReconcileParts,
  { terminateAtMost = 10, signal }: ReconcileOptions,
  findings: readonly Finding[],
  accounted: number,
): Promise<void> {
  const orphans = findings.filter((finding) => finding.kind === "orphan");
  if (orphans.length === 0) return;
  const refuse = (orphan: (typeof orphans)[number], why: string): void =>
    report({ kind: "not-terminated", instanceId: orphan.instance.id, workspaceId: orphan.workspaceId, why });
  if (accounted === 0) {
    for (const orphan of orphans) refuse(orphan, "no record accounts for any instance: the records may be lost");
    return;
  }
  for (const orphan of orphans.slice(terminateAtMost)) {
    refuse(orphan, `more than ${terminateAtMost} orphans: they are left for the next pass`);
  }
  const chosen = orphans.slice(0, terminateAtMost);
  // Once more, in the same order: a cycle may have taken one over since.
  const recordedOf = ({ workspaceId }: (typeof orphans)[number], { byWorkspace }: Records) =>
    instanceIdOf(byWorkspace.get(workspaceId)?.instance);
  const before = recordsOf(await records());
  const ids = chosen.flatMap((orphan) => [orphan.instance.id, recordedOf(orphan, before) ?? orphan.instance.id]);
  const fresh = await api.describeInstances([...new Set(ids)], { signal });
  const latest = recordsOf(await records());
  await Promise.all(
    chosen.map(async (orphan) => {
      const { workspaceId } = orphan;
      const instance = fresh.get(orphan.instance.id);
      if (!isLive(instance) || !isOurs(instance, { owner, workspaceId }) || isAccountedFor(instance, latest)) {
        refuse(orphan, "it has changed since it was found");
        return;
      }
      const isRegistered = latest.byWorkspace.has(workspaceId);
      if (isRegistered && !isLive(fresh.get(recordedOf(orphan, latest) ?? ""))) {
        refuse(orphan, "its workspace has no recorded instance that lives: this may be the workspace's own");
        return;
      }
      try {
        await api.terminateInstances([instance.id], { signal });
        report({ kind: "terminated", instanceId: instance.id, workspaceId });
      } catch (error) {
        signal?.throwIfAborted();
        refuse(orphan, `${(error as Error).name}: ${(error as Error).message}`);
      }
    }),
  );
}

function keyOf(finding: Finding): string {
  const id = finding.kind === "orphan" ? finding.instance.id : finding.instanceId;
  return `${finding.kind} ${finding.workspaceId} ${id}`;
}

function instanceIdOf(instance: unknown): string | undefined {
  const id = (instance as { instanceId?: unknown } | null | undefined)?.instanceId;
  return typeof id === "string" ? id : undefined;
}

/** Every text anywhere in a value: whatever a journal calls its fields, an id or a token in it is found. */
function textsIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof value === "string") found.add(value);
  else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) textsIn(part, found);
  return found;
}
