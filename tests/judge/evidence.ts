/**
 * What the judge goes by: the ledger of side effects, and what the clients wrote down themselves. Nothing here comes
 * from the coordinator's own state, but for one last look at the end (`WorkspaceRecord.final`). All times are
 * milliseconds since the epoch by one machine's clock, so that no tolerance is needed between ledger and clients.
 */

/** One line of the simulated resource's ledger. The order of the lines is the order in which it happened. */
export interface LedgerEntry {
  readonly at: number;
  readonly workspaceId: string;
  readonly cycleId: string;
  readonly attempt: number;
  readonly fencingToken: number;
  /** "die": somebody killed it; no attempt did that. */
  readonly effect: "begin" | "end" | "stop" | "refused" | "die";
}

export interface Ledger {
  /** Accepted effects, oldest first. */
  readonly effects: readonly LedgerEntry[];
  /** What the resource refused, oldest first: it had no effect. */
  readonly refusals: readonly LedgerEntry[];
}

export type Verb =
  | "trigger"
  | "hold"
  | "release"
  | "flush"
  | "cancel"
  | "pause"
  | "resume"
  | "hibernate"
  | "wake"
  | "remove"
  | "register";

/** A request as its client saw it, its repetitions under one Idempotency-Key included. */
export interface ClientRequest {
  readonly workspaceId: string;
  readonly verb: Verb;
  /** Of a trigger. A person's is "manual". */
  readonly source?: string;
  /** When it was sent, for the first time. */
  readonly sentAt: number;
  /** Absent when nobody can tell whether it took effect: no answer, or "try again". */
  readonly answer?: ClientAnswer;
}

export interface ClientAnswer {
  readonly at: number;
  readonly status: number;
  readonly receipt?: ClientReceipt;
  /** Of a cancel: whether it found anything to drop or to stop. */
  readonly canceled?: boolean;
}

export interface ClientReceipt {
  readonly triggerId: string;
  readonly decision: "fired" | "coalesced" | "dropped" | "refused";
  readonly rule: string;
  readonly generation: number;
}

export interface WorkspaceRecord {
  readonly id: string;
  /** Its cycles were never told to fail, hang or decline: a cycle that begins must end. */
  readonly reliable: boolean;
  /** How it stood after the calm-down; absent when it could not be asked, or is not known any more. */
  readonly final?: FinalState;
}

export interface FinalState {
  readonly phase: string;
  readonly generation: number;
  readonly observedGeneration: number;
}

/** An acknowledged trigger that was sent again, with its key, at the very end. */
export interface Replay {
  readonly request: ClientRequest;
  readonly triggerIdNow: string | undefined;
}

export interface Rules {
  readonly cooldownMs: number;
  readonly leaseMs: number;
  /** Between two looks at a workspace. */
  readonly observeMs: number;
  readonly sources: Readonly<Record<string, SourceRules>>;
  /** How long after it was sent a request without an answer may still take effect, ms. */
  readonly lateMs: number;
}

export interface SourceRules {
  readonly windowMs: number;
  readonly leading: boolean;
  readonly trailing: boolean;
  readonly maxWaitMs: number;
}

/** Everything about a run. */
export interface Evidence {
  readonly ledger: Ledger;
  readonly requests: readonly ClientRequest[];
  readonly workspaces: readonly WorkspaceRecord[];
  readonly replays: readonly Replay[];
  /** When the run made attempts end early in an orderly way: a worker was told to stop, Redis answered errors. */
  /** From when on nothing but workspaces was hit. */
  readonly calmFrom: number;
  readonly interruptions: readonly { readonly from: number; readonly to: number }[];
  readonly rules: Rules;
}
