import type { Sighting } from "@restart-coordinator/debounce";

/**
 * A provisioner is all that stands between a cycle and whatever a workspace runs on.
 *
 * A provisioner holds no state that correctness needs: everything it must remember across a crash goes into the
 * journal before the side effect it announces. `restart` and `stop` may be called again after a crash, with the journal
 * the dead worker left, and must resume from it instead of starting over.
 */
export interface Provisioner {
  /** The name is short, as in the PROVISIONER variable. */
  readonly name: string;

  /**
   * Replaces what runs by a fresh start that has read the workspace's current files. Resolves once it is ready.
   * @throws ProvisionerError saying whether trying again can help; anything else counts as retryable
   */
  restart(cycle: Cycle): Promise<RestartResult>;

  /**
   * Stops what runs and leaves nothing behind. Resolves once it is gone; nothing running is a success.
   * @throws ProvisionerError as `restart` does
   */
  stop(cycle: Cycle): Promise<void>;

  /**
   * Tells what is seen of the workspace now. Reads only.
   * @throws when it cannot tell
   */
  status(workspace: Workspace): Promise<Sighting>;

  /** Lays a spec over the defaults for all; undefined where it does not hold. What it says differently owes a restart. */
  effectiveSpec?(spec: Workspace["spec"]): Readonly<Record<string, unknown>> | undefined;

  /** Tells at once of workspaces that may have gone down, where it gets to know; call it once at most. */
  watch?(told: (workspaceId: string) => void): void;

  /**
   * Says whether the cycle can succeed, before anything is touched. A "no" ends it as declined and leaves the old
   * instance alive.
   * @throws ProvisionerError when it cannot tell, which fails the attempt
   */
  preflight(cycle: PlannedCycle): Promise<Preflight>;
}

/** A workspace, as far as the registry knows it. */
export interface Workspace {
  readonly id: string;
  /** The provisioner's own options for this workspace, validated by the provisioner. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** What the last good restart returned, or undefined before the first. */
  readonly instance: Readonly<Record<string, unknown>> | undefined;
}

/** One attempt at one cycle, as a provisioner sees it. */
export interface Cycle {
  readonly workspace: Workspace;
  /** What it carries out: `remove` is a stop of what nobody will start again. */
  readonly action: "restart" | "stop" | "remove";
  /** The id is the same for every attempt at this cycle. */
  readonly id: string;
  /**
   * The token rises with every attempt at any cycle of the workspace. A resource must refuse a token below the highest
   * seen.
   */
  readonly fencingToken: number;
  /** The number is 1 for the first attempt, and higher after a takeover or a retry. */
  readonly attempt: number;
  /** The signal fires when the lease is lost or the worker must stop: begin no further side effect, and reject. */
  readonly signal: AbortSignal;
  /** What the last attempt wrote, or undefined when there is nothing to resume from. */
  readonly journal: Journal | undefined;
  /**
   * What an earlier cycle wrote that did not end well: nothing to resume from, but it may have left something behind.
   * The first `record` replaces it, so what still matters goes into that entry.
   */
  readonly leftover: Journal | undefined;
  /**
   * Records the step that comes next, fenced, and resolves once Redis has it; call it before every side effect.
   * @throws when the lease is lost: then the side effect must not be made
   */
  record(journal: Journal): Promise<void>;
  /** Tells people what happens now (logs, job progress, activity). Never throws, needs no await. */
  step(name: string, detail?: Readonly<Record<string, unknown>>): void;
  /**
   * Looks whether an operator asked this cycle to stop. Call it where stopping leaves the workspace as it was.
   * @throws when one did
   */
  safePoint(): void;
}

/** A cycle that has touched nothing yet, and may not. */
export type PlannedCycle = Omit<Cycle, "record" | "journal" | "safePoint">;

/** A journal entry: `step` names the step about to be done; the rest is the provisioner's own, JSON, at most 16 KiB. */
export interface Journal {
  readonly step: string;
  readonly [field: string]: unknown;
}

export interface RestartResult {
  /** What to remember as the running instance (pid, instance id, url …), JSON, shown to people: no secrets. */
  readonly instance: Readonly<Record<string, unknown>>;
}

export type Preflight = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** An error that says whether trying again can help. Anything else a provisioner throws counts as retryable. */
export class ProvisionerError extends Error {
  readonly retryable: boolean;
  /** Trying again sooner than this cannot help, ms. */
  readonly retryAfterMs: number | undefined;
  /** It will not pass by itself: a person must be told. */
  readonly alert: boolean;

  constructor(
    message: string,
    options: { retryable: boolean; cause?: unknown; retryAfterMs?: number; alert?: boolean },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ProvisionerError";
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.alert = options.alert ?? false;
  }
}
