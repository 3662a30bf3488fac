import type { Verdict } from "../vocabulary.ts";
import type { ScriptName } from "./script-names.ts";

/** For whoever counts. Told only what Redis has answered; must be quick and must not throw. */
export interface Observer {
  /** Redis carried a script out and answered. `tookMs`: from sending it to the answer, replicas waited for included. */
  readonly answered?: (script: ScriptName, tookMs: number) => void;
  /** Triggers were judged. A repeated request that finds its first receipt is not told again. */
  readonly judged?: (judged: JudgedTriggers) => void;
  /** A failed cycle is over without the retry it waited for: a person asked anew, or canceled it. */
  readonly ended?: (outcome: "superseded" | "canceled") => void;
  /** A write with an old fencing token was refused: another worker acts, or nobody may any more. */
  readonly fenced?: (write: "renew" | "journal" | "end") => void;
  /** The sweep of a shard has seen Redis' clock. `sentAt`: by this process' own, when it was asked. */
  readonly clockSeen?: (seen: ClockSeen) => void;
  /** A workspace was due, and its state is gone: Redis evicted it, or somebody deleted it. What was owed is lost. */
  readonly stateVanished?: (workspaceId: string) => void;
}

export interface ClockSeen {
  readonly shard: number;
  /** ms of Redis' clock. */
  readonly now: number;
  /** `performance.now()` when Redis was asked. */
  readonly sentAt: number;
  /** By how much it was set back since it was seen last, by whomever; 0 = it was not. */
  readonly setBackMs: number;
}

/** Triggers of one source for one workspace that went to Redis together. */
export interface JudgedTriggers {
  readonly workspaceId: string;
  /** When, ms of Redis' clock. */
  readonly at: number;
  /** A cycle was running. */
  readonly duringCycle: boolean;
  readonly source: string;
  readonly count: number;
  readonly first: Verdict;
  /** The verdict on each of the others. */
  readonly rest: Verdict;
}
