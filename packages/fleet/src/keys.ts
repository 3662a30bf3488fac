/** The fleet's keys have a hash tag of their own: one slot for what concerns workspaces of all shards. */

export type FleetKeyRole = "permits" | "waiting" | "turns";

export interface FleetKeys {
  of(role: FleetKeyRole): string;
}

/** `prefix` as the coordinator's. */
export function createFleetKeys(prefix: string): FleetKeys {
  const tag = `{${prefix}:fleet}`;
  return { of: (role) => `${tag}:${role}` };
}
