export const PROMISES = ["covered", "single", "few", "durable", "alive"] as const;
export type JudgedPromise = (typeof PROMISES)[number];

/** A promise that was not kept, and how it shows. */
export interface Violation {
  readonly promise: JudgedPromise;
  readonly workspaceId: string;
  readonly cycleId?: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly what: string;
  /** The entries and requests that prove it. */
  readonly proof: readonly unknown[];
}

export interface Counts {
  readonly workspaces: number;
  readonly requests: number;
  readonly unanswered: number;
  /** Acknowledged triggers that something must cover. */
  readonly owed: number;
  /** … of these: by a good cycle. The rest was canceled or removed by a person of the run. */
  readonly covered: number;
  readonly dropped: number;
  readonly refused: number;
  readonly cycles: number;
  readonly goodCycles: number;
  /** Cycles that more than one attempt had an effect in. */
  readonly resumedCycles: number;
  readonly acceptedEffects: number;
  readonly refusedEffects: number;
  readonly burstsMeasured: number;
  readonly gapsMeasured: number;
  readonly receiptsFoundAgain: number;
  /** Workspaces that were killed while they ran. */
  readonly deaths: number;
  /** … of these: while nothing else went wrong. */
  readonly deathsInCalm: number;
}

export interface Verdict {
  readonly kept: boolean;
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}
