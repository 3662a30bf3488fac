/** Redis did not answer, or could not: nothing may be taken as recorded. Trying again later is safe. */
export class CoordinatorUnavailableError extends Error {
  constructor(cause: unknown) {
    super(`Redis is not available: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "CoordinatorUnavailableError";
  }
}

/** Redis recorded it, but too few replicas have it: a failover now would lose it. Trying again later is safe. */
export class NotReplicatedError extends CoordinatorUnavailableError {
  constructor() {
    super("too few replicas have what was recorded");
    this.name = "NotReplicatedError";
  }
}

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
  constructor(id: string) {
    super(
      `expected a workspace id of 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot, got "${id.slice(0, 150)}"`,
    );
    this.name = "InvalidWorkspaceIdError";
  }
}

/** Redis' own words for "not now": everything else it answers with an error is a bug of ours. */
const NOT_NOW =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|OOM|MISCONF|BUSY|UNBLOCKED|NOAUTH|ASK|MOVED)\b/;

/** Turns what ioredis rejects with into what our callers can act on. */
export function fromRedis(error: unknown): unknown {
  // A slip of ours must show as one, not as a server that is away.
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  const isReply = error instanceof Error && error.name === "ReplyError";
  return isReply && !NOT_NOW.test(error.message) ? error : new CoordinatorUnavailableError(error);
}
