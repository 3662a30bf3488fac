/** A workspace as people see it, read from one snapshot. Pure. */
import { type Because, isAhead, type Owed, phaseOf, type Standing, wakeOf } from "../policy/due.ts";
import type { QuietHours } from "../policy/policy.ts";
import type { CycleAction, Snapshot, Step } from "../transitions/types.ts";
import { type CoveredSource, parseCovers, parseWhy } from "../triggers/why.ts";
import type { Outcome, Phase, Refusal, Status } from "../vocabulary.ts";

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
  /** When a worker saw it alive last, the end of a good restart included; ms. */
  readonly seenAt: number | undefined;
  /** It should run and was seen not to. */
  readonly down: Down | undefined;
  /** What runs of it that should not, or is not ours. */
  readonly stray: string | undefined;
  /** What runs differs from its spec. */
  readonly drift: Drift | undefined;
}

/** In what a running workspace differs from how its spec, laid over the worker's defaults, would have it. */
export interface Drift {
  /** Names, such as `command` or `env.TOKEN`. */
  readonly fields: readonly string[];
  /** ms. */
  readonly since: number;
}

/** What a workspace is like that should run and does not. */
export interface Down {
  /** The first look that saw it so, ms. */
  readonly since: number;
  /** What was seen. */
  readonly seen: string;
  /** How often in a row it went down soon after a restart. */
  readonly crashes: number;
}

/** Times are ms of Redis' clock. */
export interface RestartState {
  readonly phase: Phase;
  readonly generation: number;
  readonly observedGeneration: number;
  /** When the owed cycle may start; undefined when nothing is owed or nothing will start it by itself. */
  readonly dueAt: number | undefined;
  /** What it waits for last, or why it is due when it is; undefined where `dueAt` is. */
  readonly because: Because | undefined;
  /** The longest that triggers which wait for quiet may keep waiting: no later than then are they due. */
  readonly deadlineAt: number | undefined;
  /** Start of the running cycle. */
  readonly startedAt: number | undefined;
  readonly cooldownEndsAt: number | undefined;
  /** What is owed and why. */
  readonly why: readonly CoveredSource[];
  readonly cycle: RunningCycle | undefined;
  readonly lastCycle: LastCycle | undefined;
  /** Restarts are held back until then, by whichever hold ends last, ms. */
  readonly heldUntil: number | undefined;
  /** Each hold that stands, in the order in which they were put on. */
  readonly holds: readonly Hold[];
  /** The restart budget of the day is spent until then: automatic restarts wait, ms. */
  readonly budgetUntil: number | undefined;
  /** What is owed is in a loop with our own restarts. */
  readonly loop: RestartLoop | undefined;
  /** Failures in a row of the last cycles. */
  readonly failures: number;
  /** How often in a row the pre-flight said no; nothing was touched. */
  readonly declines: number;
  /** Failed so often, or restarted in a loop, that only a person or a new change brings it back. */
  readonly breakerOpen: boolean;
}

/** Somebody holds restarts back. Times are ms. */
export interface Hold {
  /** Its name, by which it is released. */
  readonly id: string;
  readonly owner: string;
  readonly reason?: string;
  readonly since: number;
  readonly endsAt: number;
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
  /** Somebody asked it to stop: it does so at its next safe point. */
  readonly stopAsked: boolean;
  readonly startedAt: number;
  readonly covers: readonly CoveredSource[];
  /** What the attempt under way did so far, as its worker last said. */
  readonly steps: readonly Step[];
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
  const standing = standingOf(snapshot, quietHours);
  const { running, heldUntil, budgetUntil } = standing;
  const due = wakeOf(standing, now);
  const why = parseWhy(snapshot.why);
  const covers = parseCovers(snapshot.covers);
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
    seenAt: snapshot.seenAt,
    down: downOf(snapshot),
    stray: workspace.stray,
    drift: workspace.drift === undefined ? undefined : (JSON.parse(workspace.drift) as Drift),
    restart: {
      phase: phaseOf(standing, now),
      generation: numberOf(state.generation) ?? 0,
      observedGeneration: numberOf(state.observed) ?? 0,
      dueAt: due?.at,
      because: due?.because,
      deadlineAt: numberOf(state.deadlineAt),
      startedAt: running ? numberOf(state.cycleStartedAt) : undefined,
      cooldownEndsAt: isAhead(cooldownEndsAt, now) ? cooldownEndsAt : undefined,
      why,
      cycle:
        state.cycle === undefined
          ? undefined
          : {
              id: state.cycle,
              generation: numberOf(state.cycleGeneration) ?? 0,
              action: state.action as RunningCycle["action"],
              attempt: numberOf(state.attempt) ?? 1,
              stopAsked: state.stopAsked !== undefined,
              startedAt: numberOf(state.cycleStartedAt) ?? 0,
              covers,
              steps: state.steps === undefined ? [] : (JSON.parse(state.steps) as Step[]),
            },
      lastCycle: snapshot.lastCycle === undefined ? undefined : (JSON.parse(snapshot.lastCycle) as LastCycle),
      heldUntil: isAhead(heldUntil, now) ? heldUntil : undefined,
      holds: (JSON.parse(state.holds ?? "[]") as Hold[]).filter(({ endsAt }) => isAhead(endsAt, now)),
      budgetUntil: isAhead(budgetUntil, now) ? budgetUntil : undefined,
      loop: state.loop === undefined ? undefined : (JSON.parse(state.loop) as RestartLoop),
      failures: numberOf(state.stopFailures) ?? numberOf(state.failures) ?? 0,
      declines: numberOf(state.declines) ?? 0,
      breakerOpen: state.breaker !== undefined || state.loop !== undefined,
    },
  };
}

/** What the pure policy asks for, from the hashes. As lua/shared/due.lua's `desireOf`, a start waits for what refuses it. */
function standingOf({ workspace, state, cooldownEndsAt }: Snapshot, quietHours?: QuietHours): Standing {
  const refusal = refusalOf(workspace);
  const startWaits = workspace.desired === "running" && refusal !== undefined;
  const retrying = state.action === "restart" ? "restart" : "stop";
  return {
    refusal,
    desireAt: startWaits ? undefined : numberOf(state.desireAt),
    running: state.cycle !== undefined && state.retrying === undefined,
    retrying: state.retrying === undefined ? undefined : retrying,
    stopRetryAt: numberOf(state.stopRetryAt),
    breakerOpen: state.breaker !== undefined,
    cooldownEndsAt,
    backoffEndsAt: numberOf(state.backoffEndsAt),
    budgetUntil: numberOf(state.budgetUntil),
    heldUntil: numberOf(state.heldUntil),
    quietHours: quietHours?.intervals,
    owed: owedOf(state),
  };
}

/** As lua/shared/refusal.lua says it. */
function refusalOf({ desired = "removed", runtime, parentPaused }: Snapshot["workspace"]): Refusal | undefined {
  if (desired === "removed") return "removed";
  if (runtime === "external") return "external";
  if (desired !== "running") return desired as Refusal;
  return parentPaused === undefined ? undefined : "parent-paused";
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

function statusOf(snapshot: Snapshot, running: boolean): Status {
  const { workspace, state } = snapshot;
  if (workspace.desired === "removed") return "removing";
  if (workspace.runtime === "external") return "external";
  if (running && state.action === "restart") return "provisioning";
  if (workspace.desired === "paused" || workspace.desired === "hibernated") return workspace.desired;
  const status = (workspace.status as Status | undefined) ?? "offline";
  return status === "online" && isUnseen(snapshot) ? "unknown" : status;
}

/** A look may come late by as much as its worker is at; one that died is made up for a round later. */
const LATE_MS = 5_000;

/** Nobody has seen it alive for longer than workers take to look at all. */
function isUnseen({ seenAt = 0, observeMs, now }: Snapshot): boolean {
  return observeMs !== undefined && now > seenAt + 2 * observeMs + LATE_MS;
}

function downOf({ workspace: { downAt, downSeen = "" }, state }: Snapshot): Down | undefined {
  if (downAt === undefined) return undefined;
  return { since: Number(downAt), seen: downSeen, crashes: numberOf(state.crashes) ?? 0 };
}

function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function objectOf(json: string | undefined): Record<string, unknown> {
  return json === undefined ? {} : (JSON.parse(json) as Record<string, unknown>);
}
