/** The tags that say whose an instance is. They are given at launch, with the instance itself. */
import type { Instance } from "./api.ts";

export const TAG = {
  owner: "restart-coordinator:owner",
  workspace: "restart-coordinator:workspace",
  cycle: "restart-coordinator:cycle",
  fencingToken: "restart-coordinator:fencing-token",
} as const;

export interface Identity {
  /** Names this coordinator in an AWS account that several may share. */
  readonly owner: string;
  readonly workspaceId: string;
}

export function identityTags({ owner, workspaceId }: Identity): Record<string, string> {
  return { [TAG.owner]: owner, [TAG.workspace]: workspaceId };
}

export function cycleTags(cycle: { readonly id: string; readonly fencingToken: number }): Record<string, string> {
  return { [TAG.cycle]: cycle.id, [TAG.fencingToken]: String(cycle.fencingToken) };
}

/** Whether the instance's tags say that it is this workspace's, of this coordinator. */
export function isOurs(instance: Instance, identity: Identity): boolean {
  return Object.entries(identityTags(identity)).every(([key, value]) => instance.tags[key] === value);
}
