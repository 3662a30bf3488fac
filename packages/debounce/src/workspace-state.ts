/** A workspace as people see it, read from one snapshot. Pure. */
import { dueOf, type Owed } from "./judge.ts";
import type { QuietHours, QuietInterval } from "./policy.ts";
import type { CycleAction, Snapshot } from "./transition-types.ts";
import type { Outcome, Phase, Status } from "./vocabulary.ts";
import { type CoveredSource, parseCovers, parseWhy } from "./why.ts";

export interface WorkspaceState {
  readonly id: string;
  readonly name: string | undefined;
  readonly runtime: string | undefined;
  readonly parentId: string | undefined;
  /** The ancestor whose pause took it along. */
  readonly pausedBy: string | undefined;
  /** When it was registered, ms of Redis' clock. */
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Status;
  readonly restart: RestartState;
  /** What the last good restart reported of what runs now. */
  readonly instance: Readonly<Record<string, unknown>> | undefined;
}

/** Times are ms of Redis' clock. */
export interface RestartState {
  readonly phase: Phase;
  readonly generation: number;
  readonly observedGeneration: number;
  /** When the owed cycle may start; undefined when nothing is owed or nothing will start it by itself. */
  readonly dueAt: number | undefined;
  /** Start of the running cycle. */
  readonly startedAt: number | undefined;
  readonly cooldownEndsAt: number | undefined;
  /** What is owed and why. */
  readonly why: readonly CoveredSource[];
  readonly cycle: RunningCycle | undefined;
  readonly lastCycle: LastCycle | undefined;
  /** An operator holds restarts back until then, ms. */
  readonly heldUntil: number | undefined;
  /** The restart budget of the day is spent until then: automatic restarts wait, ms. */
  readonly budgetUntil: number | undefined;
  /** What is owed is in a loop with our own restarts. */
  readonly loop: RestartLoop | undefined;
  /** Failures in a row of the last cycles. */
  readonly failures: number;
  /** Failed so often, or restarted in a loop, that only a person or a new change brings it back. */
  readonly breakerOpen: boolean;
}

/** The source and reason that followed each of these restarts. */
export interface RestartLoop {
  readonly source: string;
  readonly reason: string;
  readonly cycles: readonly string[];
}

export interface RunningCycle {
  readonly id: string;
  readonly generation: number;
  readonly action: CycleAction;
  readonly attempt: number;
  readonly startedAt: number;
  readonly covers: readonly CoveredSource[];
}

export interface LastCycle {
  readonly id: string;
  readonly generation: number;
  /** Undefined of one that was superseded. */
  readonly action?: CycleAction;
  readonly outcome: Outcome;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attempt: number;
  readonly error?: string;
  /** Somebody canceled it, and it was past its last safe point. */
  readonly cancelTooLate?: boolean;
  readonly covers?: readonly CoveredSource[];
}

/** `quietHours`: those of the workspace's policy. */
export function describeWorkspace(id: string, snapshot: Snapshot, quietHours?: QuietHours): WorkspaceState {
  const { workspace, state, cooldownEndsAt, now } = snapshot;
  const cooling = cooldownEndsAt !== undefined && cooldownEndsAt > now;
  const running = state.cycle !== undefined && state.retrying === undefined;
  const why = parseWhy(snapshot.why);
  const covers = parseCovers(snapshot.covers);
  const phase = phaseOf(snapshot);
  return {
    id,
    name: workspace.name,
    runtime: workspace.runtime,
    parentId: workspace.parentId,
    pausedBy: workspace.pausedBy,
    createdAt: numberOf(workspace.createdAt) ?? 0,
    tags: objectOf(workspace.tags) as Record<string, string>,
    spec: objectOf(workspace.spec),
    status: statusOf(snapshot, running),
    instance: workspace.instance === undefined ? undefined : objectOf(workspace.instance),
    restart: {
      phase,
      generation: numberOf(state.generation) ?? 0,
      observedGeneration: numberOf(state.observed) ?? 0,
      dueAt: dueAtOf(snapshot, quietHours?.intervals),
      startedAt: running ? numberOf(state.cycleStartedAt) : undefined,
      cooldownEndsAt: cooling ? cooldownEndsAt : undefined,
      why,
      cycle:
        state.cycle === undefined
          ? undefined
          : {
              id: state.cycle,
              generation: numberOf(state.cycleGeneration) ?? 0,
              action: state.action as RunningCycle["action"],
              attempt: numberOf(state.attempt) ?? 1,
              startedAt: numberOf(state.cycleStartedAt) ?? 0,
              covers,
            },
      lastCycle: snapshot.lastCycle === undefined ? undefined : (JSON.parse(snapshot.lastCycle) as LastCycle),
      heldUntil: (numberOf(state.heldUntil) ?? 0) > now ? numberOf(state.heldUntil) : undefined,
      budgetUntil: (numberOf(state.budgetUntil) ?? 0) > now ? numberOf(state.budgetUntil) : undefined,
      loop: state.loop === undefined ? undefined : (JSON.parse(state.loop) as RestartLoop),
      failures: numberOf(state.stopFailures) ?? numberOf(state.failures) ?? 0,
      breakerOpen: state.breaker !== undefined || state.loop !== undefined,
    },
  };
}

/** As `wakeOf` in lua/shared/due.lua, but what follows a running cycle instead of its lease's end. */
function dueAtOf(snapshot: Snapshot, quietHours?: readonly QuietInterval[]): number | undefined {
  const { state, workspace, cooldownEndsAt, now } = snapshot;
  const running = state.cycle !== undefined && state.retrying === undefined;
  const desireAt = desireAtOf(snapshot);
  if (!running && desireAt !== undefined) return desireAt;
  if (state.retrying !== undefined && state.action !== "restart") return numberOf(state.stopRetryAt);
  if (workspace.desired !== "running" || isKeptFromStarting(workspace)) return undefined;
  const retryAt = state.retrying === undefined ? undefined : numberOf(state.backoffEndsAt);
  const heldUntil = numberOf(state.heldUntil) ?? 0;
  if (retryAt !== undefined) return heldUntil > now ? Math.max(retryAt, heldUntil) : retryAt;
  return dueOf(
    {
      cooldownEndsAt,
      backoffEndsAt: numberOf(state.backoffEndsAt),
      budgetUntil: numberOf(state.budgetUntil),
      heldUntil: numberOf(state.heldUntil),
      quietHours,
      owed: owedOf(state),
    },
    now,
  );
}

/** As `desireOf` in lua/shared/due.lua: a stop may always be carried out, a start where restarts are not refused. */
function desireAtOf({ state, workspace }: Snapshot): number | undefined {
  if (workspace.desired === "running" && isKeptFromStarting(workspace)) return undefined;
  return numberOf(state.desireAt);
}

function isKeptFromStarting(workspace: Snapshot["workspace"]): boolean {
  return workspace.runtime === "external" || workspace.parentPaused !== undefined;
}

function owedOf(state: Readonly<Record<string, string>>): Owed | undefined {
  if (state.owedAt === undefined) return undefined;
  return {
    dueNowAt: numberOf(state.dueNowAt),
    quietEndsAt: numberOf(state.quietEndsAt),
    deadlineAt: numberOf(state.deadlineAt),
    ignoreCooldown: state.ignoreCooldown !== undefined,
    overrideHold: state.overrideHold !== undefined,
    ignoreQuietHours: state.ignoreQuietHours !== undefined,
    deliberate: state.deliberate !== undefined,
    looping: state.loop !== undefined,
    firstAt: {},
  };
}

function phaseOf(snapshot: Snapshot): Phase {
  const { state, now } = snapshot;
  if (state.cycle !== undefined && state.retrying === undefined) return "running";
  if (desireAtOf(snapshot) !== undefined) return "scheduled";
  const held = (numberOf(state.heldUntil) ?? 0) > now;
  if (held) return "held";
  if (state.retrying !== undefined) return "backoff";
  if (state.owedAt === undefined) return "idle";
  if (dueAtOf(snapshot) === undefined)
    return state.breaker === undefined && state.loop === undefined ? "idle" : "failed";
  if ((numberOf(state.budgetUntil) ?? 0) > now && state.ignoreCooldown === undefined) return "held";
  return (numberOf(state.backoffEndsAt) ?? 0) > now ? "backoff" : "scheduled";
}

function statusOf(snapshot: Snapshot, running: boolean): Status {
  const { workspace, state } = snapshot;
  if (workspace.desired === "removed") return "removing";
  if (workspace.runtime === "external") return "external";
  if (running && state.action === "restart") return "provisioning";
  if (workspace.desired === "paused" || workspace.desired === "hibernated") return workspace.desired;
  return (workspace.status as Status | undefined) ?? "offline";
}

function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function objectOf(json: string | undefined): Record<string, unknown> {
  return json === undefined ? {} : (JSON.parse(json) as Record<string, unknown>);
}
