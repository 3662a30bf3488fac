/**
 * Lua scripts as typed calls. A script is one file; its header names keys, arguments and replies, and is read as truth.
 * Calls that come together share a round trip, wait for replicas where asked to, and fail with errors by their meaning.
 */

export { Batcher } from "./batcher.ts";
export { CallNames } from "./call-names.ts";
export { describeCondition, REDIS_CONDITIONS, type RedisCondition, remedyOf } from "./condition.ts";
export { asked, CoordinatorUnavailableError, fromRedis, NotReplicatedError } from "./errors.ts";
export { recordOf } from "./records.ts";
export type { Replication } from "./replication.ts";
export { ScriptReply } from "./reply.ts";
export { readScript, type Script } from "./script.ts";
export { BoundScripts, type CallInBatch, type ScriptArguments, type ScriptSet } from "./script-set.ts";
