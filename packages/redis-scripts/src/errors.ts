import { conditionInReply, describeCondition, type RedisCondition } from "./condition.ts";

/** Redis did not answer, or could not: nothing may be taken as recorded. Trying again later is safe. */
export class CoordinatorUnavailableError extends Error {
  readonly condition: RedisCondition;

  constructor(cause: unknown, condition: RedisCondition = conditionOf(cause)) {
    const told = cause instanceof Error ? cause.message : String(cause);
    super(`${describeCondition(condition)}: ${told}`, { cause });
    this.name = "CoordinatorUnavailableError";
    this.condition = condition;
  }
}

/** Redis recorded it, but too few replicas have it: a failover now would lose it. Trying again later is safe. */
export class NotReplicatedError extends CoordinatorUnavailableError {
  constructor() {
    super("a failover now would lose it", "not-replicated");
    this.name = "NotReplicatedError";
  }
}

/**
 * The condition of Redis that an error of ioredis tells of. What is no answer of Redis at all is a connection that broke, or
 * an answer that did not come.
 */
function conditionOf(error: unknown): RedisCondition {
  return (isReply(error) && conditionInReply(error.message)) || "away";
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** Turns what ioredis rejects with into what our callers can act on. */
export function fromRedis(error: unknown): unknown {
  // A slip of ours must show as one, not as a server that is away.
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  // So must an answer that says nothing about how Redis is.
  if (isReply(error) && conditionInReply(error.message) === undefined) return error;
  return new CoordinatorUnavailableError(error);
}

/** Sends commands, and rejects with what our callers can act on. @throws CoordinatorUnavailableError */
export async function asked<Result>(command: () => Promise<Result>): Promise<Result> {
  try {
    return await command();
  } catch (error) {
    throw fromRedis(error);
  }
}
