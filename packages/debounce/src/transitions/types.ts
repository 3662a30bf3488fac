/** What each transition takes and answers. Times are ms of Redis' clock; `now` is for tests. */
import type { Replication } from "@restart-coordinator/redis-scripts";
import type { BudgetPolicy, RetryPolicy } from "../policy/policy.ts";
import type { Choice } from "../policy/policy-set.ts";
import type { CoveredSource } from "../triggers/why.ts";
import type { Desire, Outcome, Phase } from "../vocabulary.ts";
import type { Observer } from "./observer.ts";

/** `remove` stops the workspace and then forgets it. */
export type CycleAction = "restart" | "stop" | "remove";

export interface BeginCall {
  readonly id: string;
  /** Names one call of one worker. */
  readonly owner: string;
  readonly choice: Choice;
  readonly now?: number;
}

export interface RescheduleCall {
  readonly id: string;
  readonly choice: Choice;
  readonly now?: number;
}

/** Whether a worker is to schedule anew what is owed on a shard; see lua/rescheduling-take.lua. */
export type RescheduleTurn =
  | { readonly kind: "nothing" | "later" | "busy" }
  | { readonly kind: "yours"; readonly askedAt: number };

/** Of whoever holds the lease. */
export interface LeaseCall {
  readonly id: string;
  readonly fencingToken: number;
  /** What the attempt did so far. */
  readonly steps?: readonly Step[];
  readonly now?: number;
}

export type BeginReply =
  | { readonly kind: "idle" }
  | { readonly kind: "busy"; readonly leaseEndsAt: number }
  | { readonly kind: "not-due"; readonly dueAt: number; readonly hintId: string; readonly now: number }
  | BegunReply;

export interface BegunReply {
  readonly kind: "begun";
  readonly how: "new" | "takeover" | "retry";
  readonly cycleId: string;
  readonly generation: number;
  readonly attempt: number;
  readonly fencingToken: number;
  readonly action: CycleAction;
  /** When the cycle's first attempt started, ms. */
  readonly startedAt: number;
  readonly leaseEndsAt: number;
  /** When the first trigger it covers arrived, ms. */
  readonly askedAt: number;
  /** What an earlier attempt at this cycle wrote. */
  readonly journal: string | undefined;
  /** What an earlier cycle wrote that did not end well. */
  readonly leftover: string | undefined;
  readonly stopAsked: boolean;
  readonly now: number;
  /** The registry entry, field by field. */
  readonly workspace: Readonly<Record<string, string>>;
  readonly covers: readonly CoveredSource[];
  /** The trace of the trigger that made it due, as that trigger gave it. */
  readonly trace: string | undefined;
  /** As many replicas as were asked for have it. */
  readonly isReplicated: boolean;
}

export type LeaseReply =
  | { readonly kind: "held"; readonly leaseEndsAt: number; readonly stopAsked: boolean }
  | { readonly kind: "lost" };

/** A step of an attempt. Times are ms, by the worker's reckoning of Redis' clock. */
export interface Step {
  readonly name: string;
  readonly startedAt: number;
  /** Not of the step under way. */
  readonly durationMs?: number;
  /** What its provisioner says of it, at most 3 KiB. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
}

export interface EndCall {
  readonly id: string;
  readonly fencingToken: number;
  readonly outcome: Exclude<Outcome, "superseded"> | "handover";
  readonly retryable?: boolean;
  readonly error?: string;
  readonly instance?: Readonly<Record<string, unknown>>;
  /** What it was started with: field by field, as JSON, and the SHA-1 of the registered spec as it was. */
  readonly specUsed?: string | undefined;
  readonly specSha?: string | undefined;
  readonly retry: RetryPolicy;
  readonly budget?: BudgetPolicy | undefined;
  /** What the attempt did, in order. */
  readonly steps?: readonly Step[];
  /** 0 to 1. */
  readonly jitter: number;
  /** After a handover nobody takes the cycle over for this long. */
  readonly pauseMs?: number;
  /** Names the call: sent again, it is answered as at first. */
  readonly nonce?: string;
  readonly now?: number;
}

export type EndReply =
  | {
      readonly kind: "ended";
      readonly what: "ok" | "retry" | "failed" | "declined" | "canceled" | "handover" | "removed";
      /** When somebody must look at the workspace next, ms; undefined = nobody need. */
      readonly dueAt: number | undefined;
      readonly durationMs: number;
      /** It was declined as often in a row as failures open the breaker: told once. */
      readonly stillDeclined: boolean;
    }
  | { readonly kind: "lost" };

export interface DueWorkspace {
  readonly id: string;
  readonly dueAt: number;
  readonly hintId: string;
}

/** When somebody must look at the workspace next, and the hint to enqueue for it, if one is needed. */
export interface Woken {
  readonly dueAt: number | undefined;
  readonly hintId: string | undefined;
  readonly now: number;
}

/** The workspaces of a shard, or of all, counted. */
export interface Census {
  readonly registered: number;
  readonly phases: Readonly<Record<Phase, number>>;
  /** How long the oldest due workspace without a live worker has been waiting, ms; 0 when there is none. */
  readonly oldestDueAgeMs: number;
  /** Those that should run and were seen not to. */
  readonly down: number;
  /** How old the oldest look at a workspace may be, ms; undefined where nobody looks. */
  readonly observationAgeMs: number | undefined;
}

/** What is recorded of a workspace, as far as a look at it needs. Texts are JSON but `fence`. */
export interface Facts {
  readonly now: number;
  /** The last fencing token that was handed out; "" = none. */
  readonly fence: string;
  /** A cycle runs, waits for its retry or is about to begin: what is seen now says nothing. */
  readonly busy: boolean;
  /** Undefined when it is not registered. */
  readonly desired: Desire | undefined;
  readonly runtime: string | undefined;
  readonly status: string | undefined;
  readonly spec: string | undefined;
  readonly instance: string | undefined;
  readonly tags: string | undefined;
  readonly seenAt: number | undefined;
  readonly downAt: number | undefined;
  readonly stray: string | undefined;
  /** What the last good cycle has started it with, if one did. */
  readonly specUsed: string | undefined;
  readonly drift: string | undefined;
  /** A restart is still to be asked for, because of a changed spec. */
  readonly specAsk: boolean;
}

export interface ObserveCall {
  readonly id: string;
  /** As the facts gave it: what was seen before another cycle began is not recorded. */
  readonly fence: string;
  readonly seen: "online" | "unhealthy" | "offline";
  /** What was seen, in words: the same for the same finding. */
  readonly detail: string;
  /** The first look that saw it so, and this one, ms. */
  readonly since: number;
  readonly lookedAt: number;
  /** What runs carries our marks. */
  readonly isOurs: boolean;
  /** What runs, where that is ours and not what is recorded. */
  readonly instance?: Readonly<Record<string, unknown>> | undefined;
  /** What runs of it that is not ours, in words. */
  readonly stray?: string | undefined;
  readonly action: "restart" | "report";
  readonly retry: Pick<RetryPolicy, "backoffMs" | "maxBackoffMs">;
  readonly now?: number;
}

export type ObserveReply =
  /** A cycle has begun since, or shall: what was seen says nothing. */
  | { readonly kind: "stale" }
  | {
      readonly kind: "recorded";
      readonly change: "down" | "up" | "found" | "adopted" | "stray" | undefined;
      /** Somebody shall ask for a restart. */
      readonly ask: boolean;
    }
  /** It shall not run, and is ours: a cycle stops it. */
  | ({ readonly kind: "stopping" } & Woken);

/** What Redis keeps of a shadow policy for a workspace, and the facts that choose the policy. */
export interface ShadowReading {
  /** Of the record; a write must name it. */
  readonly version: string;
  /** As JSON. */
  readonly record: string | undefined;
  /** How long the last good cycle took, ms. */
  readonly cycleMs: number | undefined;
  readonly runtime: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly now: number;
  /** Real cycles that began, by days since the epoch. */
  readonly realCycles: Readonly<Record<string, number>>;
}

/** Everything about one workspace at one moment, as Redis holds it. Times are ms of Redis' clock. */
export interface Snapshot {
  readonly now: number;
  readonly workspace: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly why: Readonly<Record<string, string>>;
  /** Of the cycle under way, as JSON. */
  readonly covers: string | undefined;
  readonly cooldownEndsAt: number | undefined;
  readonly lastCycle: string | undefined;
  /** Of the cycle under way, or what one left that did not end well. */
  readonly journal: string | undefined;
  /** When it was last seen alive. */
  readonly seenAt: number | undefined;
  /** How often workers look at each workspace, ms; undefined where nobody does. */
  readonly observeMs: number | undefined;
}

export interface TransitionSettings {
  /** How long a worker may act without a word, ms. */
  readonly leaseMs: number;
  /** How long activity and an idle workspace's state are kept, ms. */
  readonly activityTtlMs: number;
  /** What `begin` and `trigger` wait for; nothing without it. */
  readonly replication?: Replication | undefined;
  readonly observer?: Observer | undefined;
}
