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

/** Sends commands, and rejects with what our callers can act on. @throws CoordinatorUnavailableError */
export async function asked<Result>(command: () => Promise<Result>): Promise<Result> {
  try {
    return await command();
  } catch (error) {
    throw fromRedis(error);
  }
}
