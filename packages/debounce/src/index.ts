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

export { checkPolicy, ImpossiblePolicyError } from "./check-policy.ts";
export {
  assertWorkspaceId,
  type CoordinatorOptions,
  isWorkspaceId,
  type Receipt,
  RestartCoordinator,
  type RestartEvent,
  type Restarting,
  type TriggerRequest,
  WORKSPACE_ID,
} from "./coordinator.ts";
export { type AttemptResult, type Begun, CycleLease, Cycles, type CyclesOptions } from "./cycles.ts";
export {
  CoordinatorUnavailableError,
  CycleStopAskedError,
  fromRedis,
  IdempotencyConflictError,
  InvalidWorkspaceIdError,
  LeaseLostError,
  NotReplicatedError,
  UnknownSourceError,
} from "./errors.ts";
export { isBefore, parseEventEntry } from "./event-stream.ts";
export type { Hint } from "./hint.ts";
export { dueOf, type Facts, type Judgement, judge, type Owed } from "./judge.ts";
export { createKeySpace, type KeySpace } from "./keys.ts";
export { LazyAbort } from "./lazy-abort.ts";
export { bindScriptSet, type RunScriptOf, readScript, type Script, type ScriptSet } from "./lua-scripts.ts";
export type { JudgedTriggers, Observer } from "./observer.ts";
export {
  BUILT_IN_SOURCES,
  type BudgetPolicy,
  type BuiltInSource,
  LOOP,
  type LoopPolicy,
  NO_BUDGET,
  POLICIES,
  type Policy,
  PROFILES,
  type Profile,
  type QuietHours,
  type QuietInterval,
  type RetryPolicy,
  type SourcePolicy,
} from "./policy.ts";
export {
  overrideFor,
  type PolicyOverride,
  type PolicyProvider,
  type PolicySet,
  policyFor,
  type RegistryFacts,
  type WorkspaceMatch,
} from "./policy-set.ts";
export type {
  CascadeResult,
  DesireRequest,
  DesireResult,
  RegisterResult,
  WorkspaceEntry,
  WorkspacePage,
} from "./registry.ts";
export type { Replication } from "./replication.ts";
export type { ScriptName } from "./scripts.ts";
export { Shadow, type ShadowOptions, type ShadowReport } from "./shadow.ts";
export type { ShadowDay, ShadowRecord, ShadowTally } from "./shadow-record.ts";
export { claimShardCount } from "./shard-count.ts";
export { type Replayed, type ReplayedTrigger, replay } from "./simulation/replay.ts";
export { VirtualTime } from "./simulation/virtual-time.ts";
export { type VirtualState, VirtualWorkspace } from "./simulation/virtual-workspace.ts";
export type { BegunReply, Census, CycleAction, DueWorkspace, EndReply } from "./transition-types.ts";
export { parseTriggerId, type TriggerId } from "./trigger-id.ts";
export { outcomeOf, type TriggerOutcome } from "./trigger-outcome.ts";
export type { CancelResult, FlushResult, HoldResult, ReleaseResult } from "./verbs.ts";
export * from "./vocabulary.ts";
export type { CoveredSource } from "./why.ts";
export type { LastCycle, RestartLoop, RestartState, RunningCycle, WorkspaceState } from "./workspace-state.ts";
