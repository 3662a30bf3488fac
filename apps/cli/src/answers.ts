/** What is read of the API's answers; `GET /openapi.json` tells all of it. */

export interface Covered {
  readonly source: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly reasons: readonly string[];
  readonly actors: readonly string[];
  readonly files?: readonly string[];
}

export interface Hold {
  readonly id: string;
  readonly owner: string;
  readonly reason: string | null;
  readonly since: string;
  readonly endsAt: string;
}

export interface Workspace {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly seenAt: string | null;
  readonly down: { readonly since: string; readonly seen: string; readonly crashes: number } | null;
  readonly stray: string | null;
  readonly drift: { readonly fields: readonly string[]; readonly since: string } | null;
  readonly restart: {
    readonly phase: "idle" | "scheduled" | "running" | "backoff" | "held" | "failed";
    readonly generation: number;
    readonly observedGeneration: number;
    readonly dueAt: string | null;
    readonly startedAt: string | null;
    readonly cooldownEndsAt: string | null;
    readonly heldUntil: string | null;
    readonly budgetUntil: string | null;
    readonly loop: { readonly source: string; readonly reason: string } | null;
    readonly because: string | null;
    readonly holds: readonly Hold[];
    readonly why: readonly Covered[];
    readonly cycle: {
      readonly attempt: number;
      readonly action: string;
      readonly stopAsked: boolean;
      readonly covers: readonly Covered[];
    } | null;
    readonly lastCycle: {
      readonly outcome: string;
      readonly startedAt: string;
      readonly endedAt: string;
      readonly error?: string;
      readonly covers: readonly Covered[];
    } | null;
    readonly failures: number;
    readonly declines: number;
  };
}

export interface Event {
  readonly id: string;
  readonly event: string;
  readonly workspace_id: string;
  readonly timestamp: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Receipt {
  readonly triggerId: string;
  readonly decision: "fired" | "coalesced" | "dropped" | "refused";
  readonly rule: string;
  readonly dueAt: string | null;
}

export interface TriggerOutcome {
  readonly status: "pending" | "running" | "done" | "failed" | "canceled" | "dropped" | "refused";
  readonly cycleId?: string;
  readonly error?: string;
  readonly rule?: string;
}

export interface Policy {
  readonly sources: Readonly<
    Record<string, { readonly trailing: { readonly value: boolean }; readonly maxWaitMs: { readonly value: number } }>
  >;
}

/** The policy in force for a workspace: each value, and what said so. */
export interface ExplainedPolicy {
  readonly profile: string;
  readonly file: { readonly revision: string };
  readonly cooldownMs: Explained;
  readonly sources: Readonly<Record<string, Readonly<Record<string, Explained>>>>;
}

interface Explained {
  readonly value: unknown;
  readonly from: string | null;
}

/** The path of a workspace, or of something of it. */
export function pathOf(id: string, ...parts: readonly string[]): string {
  return ["/workspaces", id, ...parts].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join("/");
}
