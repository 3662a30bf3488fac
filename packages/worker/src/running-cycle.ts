import type { CycleLease } from "@restart-coordinator/debounce";
import type { Log } from "./log.ts";
import { type Cycle, type Journal, ProvisionerError, type Workspace } from "./provisioner.ts";

/** A step that a provisioner told of. */
export interface CycleStep {
  readonly cycleId: string;
  readonly attempt: number;
  readonly name: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface RunningCycleParts {
  readonly lease: CycleLease;
  /** What cuts the attempt short. */
  readonly signal: AbortSignal;
  readonly onStep: (step: CycleStep) => void;
  readonly logger: Log;
}

const JOURNAL_BYTES = 16_384;

/** A running cycle is one attempt, as its provisioner sees it: what it reads, and where it tells what it does. */
export class RunningCycle implements Cycle {
  readonly workspace: Workspace;
  readonly id: string;
  readonly action: Cycle["action"];
  readonly fencingToken: number;
  readonly attempt: number;
  readonly journal: Journal | undefined;
  readonly leftover: Journal | undefined;
  readonly #parts: RunningCycleParts;

  constructor(parts: RunningCycleParts) {
    const { cycle } = parts.lease;
    this.#parts = parts;
    this.workspace = workspaceOf(parts.lease);
    this.id = cycle.cycleId;
    this.action = cycle.action;
    this.fencingToken = cycle.fencingToken;
    this.attempt = cycle.attempt;
    this.journal = parsed<Journal>(cycle.journal);
    this.leftover = parsed<Journal>(cycle.leftover);
  }

  get signal(): AbortSignal {
    return this.#parts.signal;
  }

  step(name: string, detail: Readonly<Record<string, unknown>> = {}): void {
    const { lease, onStep, logger } = this.#parts;
    logger.info({ step: name, detail }, `cycle ${this.id}: ${name}`);
    lease.step(name, detail);
    onStep({ cycleId: this.id, attempt: this.attempt, name, detail });
  }

  safePoint(): void {
    this.#parts.lease.safePoint();
  }

  async record(journal: Journal): Promise<void> {
    const { lease, signal } = this.#parts;
    signal.throwIfAborted();
    await lease.record(encode(journal));
    signal.throwIfAborted();
  }
}

function workspaceOf({ workspaceId, cycle }: CycleLease): Workspace {
  const { spec, instance } = cycle.workspace;
  return { id: workspaceId, spec: parsed(spec) ?? {}, instance: parsed(instance) };
}

function parsed<Value = Record<string, unknown>>(json: string | undefined): Value | undefined {
  return json === undefined ? undefined : (JSON.parse(json) as Value);
}

function encode(journal: Journal): string {
  const json = JSON.stringify(journal);
  if (Buffer.byteLength(json) <= JOURNAL_BYTES) return json;
  throw new ProvisionerError(`the journal entry ${journal.step} is larger than ${JOURNAL_BYTES} bytes`, {
    retryable: false,
  });
}
