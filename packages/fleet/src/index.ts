/** What concerns many workspaces at once: how many cycles run at a time and whose turn it is. */
export { createFleetKeys, type FleetKeyRole, type FleetKeys } from "./keys.ts";
export { type Permit, type Taken, Turns, type TurnsOptions } from "./turns.ts";
