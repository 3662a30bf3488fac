/** What a rollout is. Times are ms of Redis' clock. */
import type { WorkspaceState } from "@restart-coordinator/debounce";

export const ROLLOUT_STATES = ["preparing", "running", "paused", "aborting", "finished", "aborted"] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

export const MEMBER_STATUSES = ["waiting", "running", "done", "failed", "skipped"] as const;
export type MemberStatus = (typeof MEMBER_STATUSES)[number];

/** What paused or aborted a rollout: a person, a failed canary, too many failures, its budget, or too many members. */
export const STOPPED_BY = ["person", "canary", "failures", "budget", "size"] as const;
export type StoppedBy = (typeof STOPPED_BY)[number];

export const ROLLOUT_VERBS = ["pause", "resume", "abort"] as const;
export type RolloutVerb = (typeof ROLLOUT_VERBS)[number];

/** Events of the fleet's stream. docs/events.md describes each. */
export const FLEET_EVENTS = [
  "ROLLOUT_STARTED",
  "ROLLOUT_CANARIES_PASSED",
  "ROLLOUT_WORKSPACE_SETTLED",
  "ROLLOUT_PAUSED",
  "ROLLOUT_RESUMED",
  "ROLLOUT_ABORTED",
  "ROLLOUT_FINISHED",
] as const;

/** Which workspaces; all that is given must hold. */
export interface RolloutSelector {
  /** Every workspace there is: said aloud, for nothing else selects them all. */
  readonly all?: true | undefined;
  /** Each of these tags has this value. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly runtime?: string | undefined;
  readonly status?: WorkspaceState["status"] | undefined;
}

export type Canary = { readonly count: number } | { readonly percent: number };

export interface RolloutRequest {
  /** In this order. Either these or a selector, whose workspaces come in the order of their ids. */
  readonly ids?: readonly string[] | undefined;
  readonly selector?: RolloutSelector | undefined;
  /** Of the triggers. */
  readonly source: string;
  readonly reason?: string | undefined;
  readonly actor: string;
  /** As many members are under way at a time. */
  readonly maxConcurrent: number;
  /** At least so much time lies between two starts, ms. */
  readonly splayMs: number;
  /** So many come first, and the others only once these have ended. */
  readonly canary?: Canary | undefined;
  /** It pauses when so many members have failed since it was started or resumed; undefined = never. */
  readonly pauseOnFailure?: number | undefined;
  /** Beyond it the rollout is aborted. */
  readonly budget?:
    | { readonly maxFailures?: number | undefined; readonly maxDurationMs?: number | undefined }
    | undefined;
}

export interface Rollout extends RolloutRequest {
  readonly id: string;
  readonly state: RolloutState;
  readonly stopped:
    | {
        readonly by: StoppedBy;
        readonly at: number;
        readonly actor: string | undefined;
        readonly reason: string | undefined;
      }
    | undefined;
  readonly createdAt: number;
  /** When its list of members was whole. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly canaries: { readonly count: number; readonly passed: boolean };
  readonly counts: Readonly<Record<MemberStatus | "total", number>>;
}

export interface Member {
  readonly workspaceId: string;
  readonly status: MemberStatus;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly triggerId: string | undefined;
  /** The cycle that restarted it. */
  readonly cycleId: string | undefined;
  /** It restarted after the rollout's creation without being asked to by it. */
  readonly byItself: boolean;
  /** Why it was skipped: the rule that refused it, or "canceled". */
  readonly rule: string | undefined;
  readonly error: string | undefined;
}

/** A member as Redis keeps it. */
export interface MemberRecord {
  readonly status: "starting" | Exclude<MemberStatus, "waiting">;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly triggerId?: string;
  /** What a good cycle must have read: of a cycle that was under way by itself. */
  readonly generation?: number;
  /** How many triggers of the rollout were dropped by policy. */
  readonly tries?: number;
  readonly cycleId?: string | undefined;
  readonly byItself?: boolean;
  readonly rule?: string;
  readonly error?: string | undefined;
}
