/** What was seen. The verdict is drawn from this alone. Times are ms since the epoch. */
import type { Policy, Profile } from "@restart-coordinator/debounce";
import type { AgentRun } from "./agent-record.ts";

/** One entry of the trace, as its client saw it. */
export interface WriteFact {
  /** 1 for the first of the trace. */
  readonly number: number;
  readonly workspace: string;
  readonly source: string;
  /** The file, or the reason. */
  readonly detail: string;
  /** Asks for a restart with no change behind it: nothing is lost when it is dropped. */
  readonly isProbe: boolean;
  /** SHA-256 of the content; undefined when it wrote no file. Every write's content is its own. */
  readonly sha256: string | undefined;
  readonly sentAt: number;
  /** Undefined: it failed. */
  readonly ackedAt: number | undefined;
  /** What was answered instead, or that nobody did. */
  readonly failure: string | undefined;
  readonly attempts: number;
  readonly replica: string | undefined;
  readonly receipt: Receipt | undefined;
}

export interface Receipt {
  readonly decision: string;
  readonly rule: string;
  readonly generation: number;
}

/** One cycle, as the coordinator recorded it. */
export interface CycleFact {
  readonly workspace: string;
  readonly id: string;
  readonly generation: number;
  readonly attempts: number;
  readonly startedAt: number;
  /** Undefined while it runs. */
  readonly endedAt: number | undefined;
  readonly outcome: string | undefined;
}

export interface InstanceFact {
  readonly workspace: string;
  readonly id: string;
  readonly isLive: boolean;
}

export interface Facts {
  readonly profile: Profile;
  /** As it was in force: its times divided by the speed. */
  readonly policy: Policy;
  readonly speed: number;
  readonly writes: readonly WriteFact[];
  readonly cycles: readonly CycleFact[];
  readonly agentRuns: readonly AgentRun[];
  /** With EC2: every instance of the workspaces, in the order of their launches, as the server shows them at the end. */
  readonly instances?: readonly InstanceFact[] | undefined;
  /** What each workspace says at the end it has loaded: SHA-256 by path; undefined = it does not answer. */
  readonly served: Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  /** Workspaces that were still owed a restart when the demo stopped waiting, and why. */
  readonly stillOwed: readonly string[];
}
