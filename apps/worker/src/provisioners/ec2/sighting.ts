/** What is seen of a workspace's instance: described, and touched by nothing. */
import type { Sighting } from "@restart-coordinator/debounce";
import type { Ec2Readiness } from "@restart-coordinator/provisioner-specs";
import type { Workspace } from "../provisioner.ts";
import type { Ec2Api, Instance } from "./api.ts";
import { isLive, LIVE, recordedId } from "./instances.ts";
import { isReady } from "./readiness.ts";
import { type Identity, isOurs, TAG } from "./tags.ts";

export interface Seeing {
  readonly api: Ec2Api;
  readonly identity: Identity;
  readonly workspace: Workspace;
  readonly readiness: Ec2Readiness;
}

/** Looks at the recorded instance, and for another one with the workspace's tag where that is gone. */
export async function see(seeing: Seeing): Promise<Sighting> {
  const { api, identity, workspace } = seeing;
  const id = recordedId(workspace);
  const recorded = id === undefined ? undefined : (await api.describeInstances([id])).get(id);
  if (isLive(recorded)) {
    if (isOurs(recorded, identity)) return seeOne(seeing, recorded, {});
    return seeOne(seeing, recorded, { stray: `instance ${id} is recorded, and its tags do not say that it is ours` });
  }
  const tagged = await api.findInstances({ tags: { [TAG.workspace]: workspace.id }, states: LIVE });
  const live = tagged.filter(isLive);
  const ours = live.filter((instance) => isOurs(instance, identity));
  const others = live.filter((instance) => !ours.includes(instance));
  const stray = others.length === 0 ? {} : { stray: `${listed(others)} of another owner has the workspace's tag` };
  const [one, another] = ours;
  if (one !== undefined && another === undefined) {
    return seeOne(seeing, one, { ...stray, instance: { instanceId: one.id, ...ofTags(one), ...describe(one) } });
  }
  if (another !== undefined) {
    return { seen: "offline", detail: "no recorded instance lives", stray: `several have its tags: ${listed(ours)}` };
  }
  return { ...nothing(id, recorded), ...stray };
}

/** What is remembered of an instance, and shown to people. */
export function describe(instance: Instance | undefined): Readonly<Record<string, unknown>> {
  return {
    imageId: instance?.imageId,
    type: instance?.type,
    zone: instance?.zone,
    subnetId: instance?.subnetId,
    privateIp: instance?.privateIp,
    publicIp: instance?.publicIp,
    launchedAt: instance?.launchedAt,
  };
}

async function seeOne(
  { api, identity, readiness }: Seeing,
  instance: Instance,
  more: Pick<Sighting, "instance" | "stray">,
): Promise<Sighting> {
  const names = { workspaceId: identity.workspaceId, cycleId: instance.tags[TAG.cycle] ?? "" };
  const found = await isReady(api, readiness, instance, names);
  const ours = { ...more, isOurs: isOurs(instance, identity) };
  if (found.ready) return { seen: "online", detail: `instance ${instance.id} is ready`, ...ours };
  // Nobody has asked for it, and it does not come back by itself.
  const isStopped = instance.state === "stopped" || instance.state === "stopping";
  const detail = `instance ${instance.id}: ${found.why}`;
  return { seen: isStopped ? "offline" : "unhealthy", detail, isCertain: isStopped, ...ours };
}

function nothing(id: string | undefined, recorded: Instance | undefined): Sighting {
  if (id === undefined) return { seen: "offline", detail: "no instance is recorded, and none has its tags" };
  // What EC2 does not know it may only not know yet.
  if (recorded === undefined) return { seen: "offline", detail: `EC2 does not know instance ${id}` };
  const why = recorded.stateReason === undefined ? "" : ` (${recorded.stateReason})`;
  return { seen: "offline", detail: `instance ${id} is ${recorded.state}${why}`, isCertain: true };
}

function ofTags({ tags }: Instance): Readonly<Record<string, unknown>> {
  return { cycleId: tags[TAG.cycle], fencingToken: tags[TAG.fencingToken] };
}

function listed(instances: readonly Instance[]): string {
  return instances
    .map(({ id }) => id)
    .sort()
    .join(", ");
}
