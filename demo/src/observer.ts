/** Follows the activity of every workspace over HTTP and puts its cycles together from it. */
import { setTimeout as sleep } from "node:timers/promises";
import { instanceOf, processOf } from "./agent-record.ts";
import type { Client } from "./client.ts";
import type { CycleFact } from "./facts.ts";

export interface ActivityEvent {
  readonly event: string;
  readonly workspace_id: string;
  readonly timestamp: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What happened to a cycle just now. */
export type CycleStep =
  | { readonly kind: "begun"; readonly attempt: number }
  | { readonly kind: "attempt-failed"; readonly error: string }
  | {
      readonly kind: "ended";
      readonly outcome: string;
      readonly error: string | undefined;
      /** Who serves now. */
      readonly runner: string | undefined;
    };

interface WorkspaceView {
  readonly restart: { readonly phase: string };
}

const POLL_MS = 100;
const MOST_EVENTS = 200;

export class Observer {
  readonly #client: Client;
  readonly #workspaces: readonly string[];
  readonly #onStep: (cycle: CycleFact, step: CycleStep, at: number) => void;
  readonly #seen = new Set<string>();
  readonly #cycles = new Map<string, CycleFact>();

  constructor(
    client: Client,
    workspaces: readonly string[],
    onStep: (cycle: CycleFact, step: CycleStep, at: number) => void,
  ) {
    this.#client = client;
    this.#workspaces = workspaces;
    this.#onStep = onStep;
  }

  /** In the order of their starts. */
  get cycles(): CycleFact[] {
    return [...this.#cycles.values()].sort((a, b) => a.startedAt - b.startedAt);
  }

  /** Looks until the signal fires. A look that fails is made again: the APIs may be in trouble just now. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch(() => {});
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  }

  async look(): Promise<void> {
    for (const workspace of this.#workspaces) {
      const path = `/workspaces/${workspace}/activity?limit=${MOST_EVENTS}`;
      const { activity } = await this.#client.sendJson<{ activity: ActivityEvent[] }>("GET", path);
      for (const event of activity.reverse()) this.#take(event);
    }
  }

  /** The workspaces to which a restart is still owed, or in which one runs, with their phase. */
  async owed(): Promise<string[]> {
    const views = await Promise.all(
      this.#workspaces.map(async (workspace) => {
        const { restart } = await this.#client.sendJson<WorkspaceView>("GET", `/workspaces/${workspace}`);
        return { workspace, phase: restart.phase };
      }),
    );
    return views.filter(({ phase }) => phase !== "idle").map(({ workspace, phase }) => `${workspace} (${phase})`);
  }

  #take(event: ActivityEvent): void {
    const key = JSON.stringify(event);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const at = Date.parse(event.timestamp);
    const step = stepOf(event);
    const cycle = after(this.#cycles.get(String(event.payload.cycle)), event, at);
    if (step === undefined || cycle === undefined) return;
    this.#cycles.set(cycle.id, cycle);
    this.#onStep(cycle, step, at);
  }
}

const ENDS = [
  "WORKSPACE_ONLINE",
  "WORKSPACE_RESTART_FAILED",
  "WORKSPACE_RESTART_DECLINED",
  "WORKSPACE_RESTART_CANCELED",
];

function stepOf({ event, payload }: ActivityEvent): CycleStep | undefined {
  if (event === "WORKSPACE_PROVISIONING") return { kind: "begun", attempt: Number(payload.attempt) };
  if (!ENDS.includes(event) || payload.cycle === undefined) return undefined;
  const error = typeof payload.error === "string" ? payload.error : undefined;
  if (payload.retryAt !== undefined) return { kind: "attempt-failed", error: error ?? "" };
  const { pid, instanceId } = (payload.instance ?? {}) as { pid?: number; instanceId?: string };
  const runner = pid === undefined ? instanceId && instanceOf(instanceId) : processOf(pid);
  return { kind: "ended", outcome: String(payload.outcome), error, runner };
}

/** The cycle after the event; undefined when the event is of no cycle that was seen to begin. */
function after(cycle: CycleFact | undefined, event: ActivityEvent, at: number): CycleFact | undefined {
  const step = stepOf(event);
  if (step?.kind === "begun") {
    const { payload, workspace_id: workspace } = event;
    const open = { endedAt: undefined, outcome: undefined };
    const begun = { workspace, id: String(payload.cycle), generation: Number(payload.generation), startedAt: at };
    return { ...begun, ...open, ...cycle, attempts: step.attempt };
  }
  if (step?.kind !== "ended" || cycle === undefined) return cycle;
  return { ...cycle, endedAt: at, outcome: step.outcome };
}
