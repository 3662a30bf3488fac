/** Data volumes: one place at a time, never deleted. */

import type { DataVolume } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, Ec2Api } from "./api.ts";
import { meaningOf } from "./errors.ts";
import { isLive, stopInstance, tolerateWrongState } from "./instances.ts";
import { NotReadyError } from "./readiness.ts";
import type { Run } from "./run.ts";

/** The zone that all volumes lie in; undefined without volumes. @throws ProvisionerError (permanent) */
export async function zoneOfVolumes(
  api: Ec2Api,
  volumes: readonly DataVolume[],
  options?: CallOptions,
): Promise<string | undefined> {
  if (volumes.length === 0) return undefined;
  const ids = volumes.map(({ id }) => id);
  const found = await api.describeVolumes(ids, options);
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0) throw permanent(`spec.volumes: there is no ${missing.join(", ")} in this region`);
  const zones = new Set([...found.values()].map(({ zone }) => zone));
  if (zones.size > 1) throw permanent(`spec.volumes: they lie in several zones (${[...zones].join(", ")})`);
  return [...zones][0];
}

/**
 * Takes the data volumes off an instance that is to be terminated: stops it first, so that nothing is being written, and
 * detaches them, so that no setting of the instance deletes them with it. Resolves once they are available.
 */
export async function releaseVolumes(run: Run, instanceId: string): Promise<void> {
  const held = await heldBy(run, instanceId);
  if (held.length === 0) return;
  await run.record("STOPPING");
  await stopInstance(run, instanceId);
  await run.record("DETACHING");
  const withinMs = run.spec.deadlines.stopMs;
  await run.until({ what: `volumes ${held.join(", ")} detached from ${instanceId}`, withinMs }, async () => {
    const still = await heldBy(run, instanceId);
    for (const id of still) {
      await run.ask("DetachVolume", id, (options) => tolerateWrongState(run.api.detachVolume(id, instanceId, options)));
    }
    const left = still.length > 0 ? await heldBy(run, instanceId) : [];
    return left.length === 0 ? { value: undefined } : { not: `${left.join(", ")} still attached` };
  });
}

/** Attaches the data volumes that are not attached there yet. @throws NotReadyError when the instance ends first */
export async function attachVolumes(run: Run, instanceId: string, since: number): Promise<void> {
  const { volumes, deadlines } = run.spec;
  if (volumes.length === 0) return;
  if ((await heldBy(run, instanceId)).length === volumes.length) return;
  const running = { what: `instance ${instanceId} running, to attach volumes`, withinMs: deadlines.readyMs, since };
  await run.until(running, async () => {
    const seen = await run.look(instanceId);
    if (seen?.state === "running") return { value: undefined };
    if (seen === undefined || seen.state === "pending") return { not: `it is ${seen?.state ?? "not to be seen yet"}` };
    throw new NotReadyError(`workspace ${run.workspaceId}: instance ${instanceId} is ${seen.state} instead of running`);
  });
  await run.record("ATTACHING");
  await run.until({ what: `volumes attached to ${instanceId}`, withinMs: deadlines.stopMs }, async () => {
    const found = await describe(run);
    const pending: string[] = [];
    for (const { id, device } of volumes) {
      const place = found.get(id)?.attachments[0];
      if (place?.instanceId === instanceId && place.state === "attached") continue;
      pending.push(`${id} is ${place === undefined ? found.get(id)?.state : `${place.state} at ${place.instanceId}`}`);
      if (place !== undefined && place.instanceId !== instanceId) await assertLeaving(run, id, place.instanceId);
      if (place !== undefined) continue;
      await run.ask("AttachVolume", `${id} to ${instanceId}`, (options) =>
        run.api.attachVolume(id, instanceId, device, options).catch((error) => {
          if (meaningOf(error).kind !== "wrong-state") throw error;
        }),
      );
    }
    return pending.length === 0 ? { value: undefined } : { not: pending.join(", ") };
  });
}

/** The spec's volumes that are at this instance, in whatever state of attachment. */
async function heldBy(run: Run, instanceId: string): Promise<string[]> {
  const found = await describe(run);
  const isThere = (id: string) => found.get(id)?.attachments.some((place) => place.instanceId === instanceId);
  return run.spec.volumes.map(({ id }) => id).filter(isThere);
}

/** A volume leaves by itself when its instance is terminated; one that lives will keep it. */
async function assertLeaving(run: Run, volumeId: string, instanceId: string): Promise<void> {
  if (!isLive(await run.look(instanceId))) return;
  const message = `workspace ${run.workspaceId}: volume ${volumeId} is attached to another live instance, ${instanceId}`;
  throw permanent(`${message}. What to do: detach it there`);
}

async function describe(run: Run) {
  const ids = run.spec.volumes.map(({ id }) => id);
  if (ids.length === 0) return new Map() as Awaited<ReturnType<Ec2Api["describeVolumes"]>>;
  return run.ask("DescribeVolumes", ids.join(", "), (options) => run.api.describeVolumes(ids, options));
}

function permanent(message: string): ProvisionerError {
  return new ProvisionerError(message, { retryable: false });
}
