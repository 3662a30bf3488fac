/** A worker's lease was taken over or ended: it may write no state and must begin no further side effect. */
export class LeaseLostError extends Error {
  constructor(workspaceId: string, cycleId: string) {
    super(`the lease of ${cycleId} on workspace ${workspaceId} is lost: another worker may act now`);
    this.name = "LeaseLostError";
  }
}

/** Somebody asked a running cycle to stop at its next safe point. */
export class CycleStopAskedError extends Error {
  constructor(workspaceId: string, cycleId: string) {
    super(`${cycleId} on workspace ${workspaceId} was asked to stop`);
    this.name = "CycleStopAskedError";
  }
}

/** The source of a trigger is not in the policy. */
export class UnknownSourceError extends Error {
  constructor(source: string, known: readonly string[]) {
    super(`unknown source "${source}"; expected one of ${known.join(", ")}`);
    this.name = "UnknownSourceError";
  }
}

/** An Idempotency-Key was used again for something else. */
export class IdempotencyConflictError extends Error {
  constructor(key: string) {
    super(`the idempotency key "${key}" was used in the last 24 hours with another body`);
    this.name = "IdempotencyConflictError";
  }
}

/** The id of a workspace is not one. */
export class InvalidWorkspaceIdError extends Error {
  constructor(id: unknown) {
    super(
      `expected a workspace id of 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot, got "${String(id).slice(0, 150)}"`,
    );
    this.name = "InvalidWorkspaceIdError";
  }
}
