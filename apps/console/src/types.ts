/** What the API answers, as far as the console reads it. */
export type Scope = "read" | "trigger" | "operate" | "admin";
export const SCOPES: readonly Scope[] = ["read", "trigger", "operate", "admin"];
export const PHASES = ["running", "scheduled", "backoff", "held", "failed", "idle"] as const;
export type Phase = (typeof PHASES)[number];

export interface Covered {
  readonly source: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly reasons?: readonly string[];
  readonly actors?: readonly string[];
  readonly files?: readonly string[];
  readonly moreReasons?: number;
  readonly moreFiles?: number;
}

export interface Step {
  readonly name: string;
  readonly startedAt: string;
  readonly durationMs?: number;
  readonly attempt?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface RunningCycle {
  readonly id: string;
  readonly action: "restart" | "stop" | "remove";
  readonly attempt: number;
  readonly startedAt: string;
  readonly covers: readonly Covered[];
  readonly steps: readonly Step[];
}

export interface Workspace {
  readonly id: string;
  readonly name: string | null;
  readonly runtime: string | null;
  readonly parentId: string | null;
  readonly pausedBy: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
  readonly instance: Readonly<Record<string, unknown>> | null;
  readonly restart: {
    readonly phase: Phase;
    readonly generation: number;
    readonly observedGeneration: number;
    readonly dueAt: string | null;
    readonly because: string | null;
    readonly deadlineAt: string | null;
    readonly startedAt: string | null;
    readonly cooldownEndsAt: string | null;
    readonly heldUntil: string | null;
    readonly budgetUntil: string | null;
    readonly loop: { readonly source: string; readonly reason: string; readonly cycles: readonly string[] } | null;
    readonly why: readonly Covered[];
    readonly cycle: RunningCycle | null;
    readonly lastCycle: {
      readonly id: string;
      readonly outcome: string;
      readonly startedAt: string;
      readonly endedAt: string;
      readonly error?: string;
      readonly covers: readonly Covered[];
    } | null;
    readonly failures: number;
    readonly breakerOpen: boolean;
  };
}

export interface Dropped {
  readonly source: string;
  readonly rule: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface Payload {
  readonly source?: string;
  readonly rule?: string;
  readonly decision?: string;
  readonly cycle?: string;
  readonly because?: string;
  readonly auto?: boolean;
  readonly attempt?: number;
  readonly how?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly error?: string;
  readonly count?: number;
  readonly triggers?: number;
  readonly durationMs?: number;
  readonly askedAt?: string;
  readonly startedAt?: string;
  readonly dueAt?: string;
  readonly untilAt?: string;
  readonly heldUntil?: string;
  readonly retryAt?: string;
  readonly nextDueAt?: string;
  readonly covers?: readonly Covered[];
  readonly dropped?: readonly Dropped[];
  readonly midWrites?: readonly { readonly source: string; readonly count: number }[];
  readonly steps?: readonly Step[];
  readonly files?: readonly string[];
  readonly reasons?: readonly string[];
  readonly desired?: string;
  readonly instance?: Readonly<Record<string, unknown>>;
  readonly instanceBefore?: Readonly<Record<string, unknown>>;
  readonly cancelTooLate?: boolean;
}

export interface RestartEvent {
  readonly id: string;
  readonly event: string;
  readonly workspace_id: string;
  readonly timestamp: string;
  readonly payload: Payload;
}

export interface SourcePolicy {
  readonly windowMs: { readonly value: number };
  readonly trailing: { readonly value: boolean };
  readonly maxWaitMs: { readonly value: number };
  readonly cooldown: { readonly value: string };
}

export interface PolicyShown {
  readonly profile: string;
  readonly override: string | null;
  readonly cooldownMs: { readonly value: number };
  readonly quietHours: { readonly value: { readonly intervals?: readonly (readonly [number, number])[] } | null };
  readonly sources: Readonly<Record<string, SourcePolicy>>;
}

/** A line of the fleet's list. */
export interface Line {
  readonly id: string;
  readonly name: string | null;
  readonly runtime: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: string;
  readonly phase: Phase;
  readonly dueAt: string | null;
  readonly startedAt: string | null;
  readonly owed: number;
  readonly owedSince: string | null;
  readonly sources: readonly string[];
  readonly heldUntil: string | null;
  readonly budgetUntil: string | null;
  readonly looping: boolean;
}

export interface Fleet {
  readonly now: string;
  readonly registered: number;
  readonly phases: Readonly<Record<Phase, number>>;
  readonly oldestDueAgeMs: number;
  readonly workers: readonly number[] | null;
  readonly webhooksDisabled: number;
}

export interface History {
  readonly from: string;
  readonly bucketMs: number;
  readonly buckets: readonly {
    readonly at: string;
    readonly restarts: number;
    readonly failures: number;
    readonly suppressed: number;
  }[];
  readonly sources: readonly { readonly name: string; readonly count: number }[];
  readonly workspaces: readonly { readonly name: string; readonly count: number; readonly restarts: number }[];
}
