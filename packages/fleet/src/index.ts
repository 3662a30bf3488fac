/**
 * What concerns many workspaces at once: how many cycles run at a time and whose turn it is (`Turns`), and rollouts: one
 * object for a mass restart (`Rollouts` for people, `RolloutDriver` to advance them).
 */
export { createFleetKeys, eventStreams, type FleetKeys } from "./keys.ts";
export { MOST_MEMBERS, RolloutDriver, type RolloutDriverOptions, type RolloutObserver } from "./rollout-driver.ts";
export {
  type Canary,
  FLEET_EVENTS,
  MEMBER_STATUSES,
  type Member,
  type MemberStatus,
  ROLLOUT_STATES,
  ROLLOUT_VERBS,
  type Rollout,
  type RolloutRequest,
  type RolloutSelector,
  type RolloutState,
  type RolloutVerb,
  STOPPED_BY,
} from "./rollout-types.ts";
export { type CreateResult, Rollouts, type SteerResult } from "./rollouts.ts";
export { type Permit, type Taken, Turns, type TurnsOptions } from "./turns.ts";
export { TurnsCensus } from "./turns-census.ts";
