/** Asked before anything is destroyed: could it be built again, and may we? Reads only. */

import type { ResolvedEc2Spec, StrategyName } from "@restart-coordinator/provisioner-specs";
import type { PlannedCycle, Preflight } from "../provisioner.ts";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, DryRun, Ec2Api, Instance, Protection, TemplateVersion } from "./api.ts";
import { courseFor } from "./course.ts";
import { meaningOf, provisionerErrorOf } from "./errors.ts";
import { findCurrent, isLive, type Known } from "./instances.ts";
import { candidatesOf, planLaunch, userDataOf } from "./launch-request.ts";
import { subnetsIn } from "./launching.ts";
import { resolveTemplate } from "./template.ts";
import { zoneOfVolumes } from "./volumes.ts";

export interface Examined {
  readonly cycle: PlannedCycle;
  readonly api: Ec2Api;
  readonly owner: string;
  readonly spec: ResolvedEc2Spec;
  readonly known: Known;
}

interface Parts extends Examined {
  readonly workspaceId: string;
  readonly options: CallOptions;
}

/** No, with every reason found. @throws ProvisionerError (retryable) when EC2 gave no clear answer */
export async function preflight(examined: Examined): Promise<Preflight> {
  const { workspace, signal } = examined.cycle;
  const reasons: string[] = [];
  try {
    for await (const reason of reasonsAgainst({ ...examined, workspaceId: workspace.id, options: { signal } })) {
      reasons.push(reason);
    }
  } catch (error) {
    signal.throwIfAborted();
    const failure = provisionerErrorOf({ workspaceId: workspace.id, call: "the pre-flight" }, error);
    if (failure.retryable) throw failure;
    reasons.push(failure.message);
  }
  return reasons.length === 0 ? { ok: true } : { ok: false, reason: reasons.join("; ") };
}

async function* reasonsAgainst(parts: Parts): AsyncGenerator<string> {
  const { api, owner, workspaceId, spec, known, options } = parts;
  const current = await findCurrent(api, { owner, workspaceId }, known, options);
  const template = await resolveTemplate(api, workspaceId, spec, options);
  const course = courseFor(workspaceId, spec, current, template);
  if (course === "replace" || course === "recreate") {
    yield* againstLaunching(parts, current, template);
    if (current !== undefined) yield* againstTerminating(parts, current);
  } else if (current !== undefined) {
    yield* againstKeeping(parts, course, current);
  }
}

/** The launch is asked for on behalf of nobody: so it is the same for all workspaces of one spec, and asked for once. */
const NOBODY = { workspaceId: "preflight", cycle: { id: "preflight", fencingToken: 0 } };

async function* againstLaunching(
  { api, owner, spec, workspaceId, cycle, options }: Parts,
  current: Instance | undefined,
  template: TemplateVersion | undefined,
): AsyncGenerator<string> {
  const imageId = spec.imageId ?? template?.imageId;
  if (imageId === undefined) yield "spec.imageId: neither the spec nor the launch template names an image";
  if (imageId?.startsWith("ami-")) {
    const state = await api.describeImage(imageId, options);
    if (state !== "available") yield `image ${imageId} is ${state ?? "not there (or not shared with this account)"}`;
  }
  if (spec.instanceTypes.length === 0 && template?.instanceType === undefined) {
    yield "spec.instanceTypes: neither the spec nor the launch template names a type";
  }
  if (template?.hasNetworkInterfaces && spec.subnetIds.length + spec.securityGroupIds.length > 0) {
    yield "spec.subnetIds, spec.securityGroupIds: the launch template configures network interfaces, which say both";
  }
  yield* againstSubnets(api, spec, options);
  const zone = await zoneOfVolumes(api, spec.volumes, options);
  yield* againstVolumes(api, spec, current, options);
  const subnetIds = await subnetsIn(api, spec.subnetIds, zone, options);
  const [candidate = { type: undefined, subnetId: undefined }] = candidatesOf(spec.instanceTypes, subnetIds);
  // Their own ids may make it too long.
  userDataOf(spec, workspaceId, cycle.id);
  const identity = { owner, workspaceId: NOBODY.workspaceId };
  const plan = planLaunch({ identity, cycle: NOBODY.cycle, spec, template, candidate, attempt: 1 });
  const userData = userDataOf(spec, NOBODY.workspaceId, NOBODY.cycle.id).base64;
  yield* againstCall(api, workspaceId, { call: "RunInstances", launch: { ...plan, userData } }, options);
}

async function* againstSubnets(api: Ec2Api, spec: ResolvedEc2Spec, options?: CallOptions): AsyncGenerator<string> {
  const subnets = await api.describeSubnets(spec.subnetIds, options);
  for (const id of spec.subnetIds.filter((id) => !subnets.has(id)))
    yield `spec.subnetIds: there is no ${id} in this region`;
  if (subnets.size > 0 && [...subnets.values()].every(({ freeAddresses }) => freeAddresses === 0)) {
    yield "spec.subnetIds: none has a free address";
  }
}

async function* againstVolumes(
  api: Ec2Api,
  spec: ResolvedEc2Spec,
  current: Instance | undefined,
  options?: CallOptions,
): AsyncGenerator<string> {
  const volumes = await api.describeVolumes(
    spec.volumes.map(({ id }) => id),
    options,
  );
  for (const { id, attachments } of volumes.values()) {
    for (const { instanceId } of attachments.filter((place) => place.instanceId !== current?.id)) {
      const holder = (await api.describeInstances([instanceId], options)).get(instanceId);
      if (isLive(holder)) yield `spec.volumes: ${id} is attached to another instance, ${instanceId}`;
    }
  }
}

async function* againstTerminating(parts: Parts, current: Instance): AsyncGenerator<string> {
  const { api, spec, workspaceId, options } = parts;
  yield* againstProtection(api, current, "termination", options);
  yield* againstCall(api, workspaceId, { call: "TerminateInstances", instanceId: current.id }, options);
  const held = [
    ...(
      await api.describeVolumes(
        spec.volumes.map(({ id }) => id),
        options,
      )
    ).values(),
  ].filter((volume) => volume.attachments.some((place) => place.instanceId === current.id));
  const [volume] = held;
  if (volume === undefined) return;
  // It is stopped before its volumes are taken away.
  yield* againstStopping(parts, current);
  const call = { call: "DetachVolume", volumeId: volume.id, instanceId: current.id } as const;
  yield* againstCall(api, workspaceId, call, options);
}

async function* againstKeeping(parts: Parts, course: StrategyName, current: Instance): AsyncGenerator<string> {
  const { api, spec, workspaceId, options } = parts;
  const instanceId = current.id;
  switch (course) {
    case "stop-start":
      yield* againstStopping(parts, current);
      yield* againstCall(api, workspaceId, { call: "StartInstances", instanceId }, options);
      return;
    case "reboot":
      yield* againstCall(api, workspaceId, { call: "RebootInstances", instanceId }, options);
      return;
    case "replace-root": {
      const { imageId } = spec;
      if (imageId !== undefined && (await api.describeImage(imageId, options)) !== "available") {
        yield `image ${imageId} is not available`;
      }
      const replaceRoot = { instanceId, clientToken: "preflight", imageId };
      yield* againstCall(api, workspaceId, { call: "CreateReplaceRootVolumeTask", replaceRoot }, options);
    }
  }
}

async function* againstStopping({ api, workspaceId, options }: Parts, current: Instance): AsyncGenerator<string> {
  if (current.rootDeviceType !== undefined && current.rootDeviceType !== "ebs") {
    yield `instance ${current.id} has an ${current.rootDeviceType} root device: it cannot be stopped, only terminated`;
  }
  if (current.spot) yield `instance ${current.id} is a spot instance: it cannot be stopped and started at will`;
  yield* againstProtection(api, current, "stop", options);
  yield* againstCall(api, workspaceId, { call: "StopInstances", instanceId: current.id }, options);
}

async function* againstProtection(
  api: Ec2Api,
  { id }: Instance,
  from: Protection,
  options?: CallOptions,
): AsyncGenerator<string> {
  if (await api.isProtected(id, from, options)) yield `instance ${id} has ${from} protection: switch it off first`;
}

/** What EC2 would have answered. @throws what says nothing about the call itself */
async function* againstCall(
  api: Ec2Api,
  workspaceId: string,
  dryRun: DryRun,
  options?: CallOptions,
): AsyncGenerator<string> {
  try {
    await api.dryRun(dryRun, options);
  } catch (error) {
    const { kind } = meaningOf(error);
    if (kind === "retry" || error instanceof ProvisionerError) throw error;
    const about = "instanceId" in dryRun ? dryRun.instanceId : undefined;
    const failed = { workspaceId, call: `DryRun of ${dryRun.call}`, ...(about !== undefined && { about }) };
    yield provisionerErrorOf(failed, error).message;
  }
}
