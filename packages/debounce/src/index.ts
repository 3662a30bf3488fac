/**
 * The restart coordinator as a library. It turns bursts of triggers into the fewest safe restarts:
 *
 * - A trigger that was not dropped or refused is covered by a good cycle that starts after it, or stays visibly owed.
 * - At most one cycle of a workspace acts at a time; a worker that lost its lease can write no state.
 * - New cycles of one workspace start at least the cooldown apart, unless a person asked.
 * - An acknowledged trigger survives the death of any process; Redis is the only truth.
 *
 * An API replica uses `RestartCoordinator`, a worker `Cycles`. Hints between them are the caller's: without any, the
 * sweep finds the work.
 */

export {
  CoordinatorUnavailableError,
  describeCondition,
  fromRedis,
  NotReplicatedError,
  REDIS_CONDITIONS,
  type RedisCondition,
  type Replication,
  remedyOf,
} from "@restart-coordinator/redis-scripts";
export { InvalidArgumentError } from "./checks.ts";
export {
  type CoordinatorOptions,
  type RegisterAsking,
  type Registered,
  RestartCoordinator,
  type Restarting,
} from "./coordinator.ts";
export { type AttemptResult, CycleLease } from "./cycles/cycle-lease.ts";
export { type Begun, Cycles, type CyclesOptions } from "./cycles/cycles.ts";
export type { EffectiveSpec, Spec } from "./drift/spec-fields.ts";
export {
  CycleStopAskedError,
  IdempotencyConflictError,
  InvalidWorkspaceIdError,
  LeaseLostError,
  UnknownSourceError,
} from "./errors.ts";
export { isBefore, parseEventEntry, type RestartEvent, type ToldEvent, toldEvent } from "./event.ts";
export { Installation, type InstallationOptions } from "./installation/installation.ts";
export { claimProvisioner, recordedProvisioner } from "./installation/provisioner.ts";
export { claimShardCount } from "./installation/shard-count.ts";
export { createKeySpace, type KeySpace } from "./keys.ts";
export {
  type Look,
  Observations,
  type ObservationsOptions,
  type Recorded,
  type Sighting,
} from "./observation/observations.ts";
export { checkPolicy, ImpossiblePolicyError, impossibilitiesOf } from "./policy/check-policy.ts";
export { BECAUSE, type Because, dueOf, type Owed } from "./policy/due.ts";
export { type Facts, type Judgement, judge } from "./policy/judge.ts";
export {
  BUILT_IN_SOURCES,
  type BudgetPolicy,
  type BuiltInSource,
  LOOP,
  type LoopPolicy,
  NO_BUDGET,
  OBSERVE,
  type ObservePolicy,
  POLICIES,
  type Policy,
  PROFILES,
  type Profile,
  type QuietHours,
  type QuietInterval,
  type RetryPolicy,
  type SourcePolicy,
} from "./policy/policy.ts";
export {
  overrideFor,
  type PolicyOverride,
  type PolicyProvider,
  type PolicySet,
  policyFor,
  type RegistryFacts,
  type WorkspaceMatch,
} from "./policy/policy-set.ts";
export { Shadow, type ShadowOptions, type ShadowReport } from "./shadow/shadow.ts";
export type { ShadowDay, ShadowRecord, ShadowTally } from "./shadow/shadow-record.ts";
export { type Replayed, type ReplayedTrigger, replay } from "./simulation/replay.ts";
export { VirtualTime } from "./simulation/virtual-time.ts";
export { type VirtualState, VirtualWorkspace } from "./simulation/virtual-workspace.ts";
export type { Hint } from "./transitions/hint.ts";
export type { ClockSeen, JudgedTriggers, Observer } from "./transitions/observer.ts";
export type { ScriptName } from "./transitions/script-names.ts";
export type { BegunReply, Census, CycleAction, DueWorkspace, EndReply } from "./transitions/types.ts";
export type { Receipt } from "./triggers/receipt.ts";
export { parseTriggerId, type TriggerId } from "./triggers/trigger-id.ts";
export type { TriggerRequest } from "./triggers/trigger-request.ts";
export type { CoveredSource } from "./triggers/why.ts";
export * from "./vocabulary.ts";
export type {
  CascadeResult,
  DesireRequest,
  DesireResult,
  RegisterOptions,
  RegisterResult,
  WorkspaceEntry,
  WorkspacePage,
} from "./workspace/registry.ts";
export { outcomeOf, type TriggerOutcome } from "./workspace/trigger-outcome.ts";
export { vanishedStates } from "./workspace/vanished.ts";
export type {
  CancelResult,
  FlushResult,
  HoldRequest,
  HoldResult,
  ReleaseResult,
  WhichHolds,
} from "./workspace/verbs.ts";
export type {
  Down,
  Drift,
  Hold,
  LastCycle,
  RestartLoop,
  RestartState,
  RunningCycle,
  WorkspaceState,
} from "./workspace/workspace-state.ts";
export { assertWorkspaceId, isWorkspaceId, WORKSPACE_ID } from "./workspace-id.ts";
