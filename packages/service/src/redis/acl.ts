/** What Redis has to permit: no more than this, and no less. */
import type { RedisAddress } from "./address.ts";

/**
 * The rules of a user of Redis that is enough, as ACL SETUSER takes them. Nothing of @dangerous is needed but INFO, which
 * BullMQ and ioredis ask for; Bull Board reads a hint's log in a transaction.
 */
export function aclRules(prefix: string, kind: RedisAddress["kind"] = "server"): string {
  const rules = `~{${prefix}:* resetchannels -@all +@read +@write +@connection -@dangerous +eval +evalsha +time +info +multi +exec`;
  return kind === "cluster" ? `${rules} +cluster|slots +cluster|info +cluster|keyslot` : rules;
}

/**
 * The commands that scripts use, ours and BullMQ's, each so that it does no harm: `$1` and `$2` stand for keys at which
 * there is nothing. A test holds the list against the scripts.
 */
export const SCRIPT_COMMANDS: readonly (readonly [command: string, ...args: string[]])[] = [
  // First: a script that has written anything, a DEL of nothing included, is not refused for want of memory any more.
  ["SETRANGE", "$1", "0", ""],
  ["DEL", "$1"],
  ["EXISTS", "$1"],
  ["GET", "$1"],
  ["HDEL", "$1", "f"],
  ["HEXISTS", "$1", "f"],
  ["HGET", "$1", "f"],
  ["HGETALL", "$1"],
  ["HINCRBY", "$1", "f", "1"],
  ["HLEN", "$1"],
  ["HMGET", "$1", "f"],
  ["HMSET", "$1", "f", "v"],
  ["HSET", "$1", "f", "v"],
  ["HSETNX", "$1", "f", "v"],
  ["INCR", "$1"],
  ["INCRBY", "$1", "1"],
  ["LINDEX", "$1", "0"],
  ["LLEN", "$1"],
  ["LPOP", "$1"],
  ["LPOS", "$1", "v"],
  ["LPUSH", "$1", "v"],
  ["LRANGE", "$1", "0", "-1"],
  ["LREM", "$1", "1", "v"],
  ["LSET", "$1", "0", "v"],
  ["LTRIM", "$1", "0", "-1"],
  ["MGET", "$1"],
  ["PERSIST", "$1"],
  ["PEXPIRE", "$1", "1"],
  ["PTTL", "$1"],
  ["RENAME", "$1", "$2"],
  ["RPOP", "$1"],
  ["RPOPLPUSH", "$1", "$2"],
  ["RPUSH", "$1", "v"],
  ["SADD", "$1", "m"],
  ["SCARD", "$1"],
  ["SET", "$1", "v"],
  ["SISMEMBER", "$1", "m"],
  ["SMEMBERS", "$1"],
  ["SREM", "$1", "m"],
  ["TIME"],
  ["TYPE", "$1"],
  ["UNLINK", "$1"],
  ["XADD", "$1", "*", "f", "v"],
  ["XDEL", "$1", "0-1"],
  ["XINFO", "STREAM", "$1"],
  ["XLEN", "$1"],
  ["XRANGE", "$1", "-", "+"],
  ["XREAD", "STREAMS", "$1", "0"],
  ["XREVRANGE", "$1", "+", "-"],
  ["XTRIM", "$1", "MAXLEN", "1"],
  ["ZADD", "$1", "1", "m"],
  ["ZCARD", "$1"],
  ["ZLEXCOUNT", "$1", "-", "+"],
  ["ZCOUNT", "$1", "0", "1"],
  ["ZPOPMIN", "$1"],
  ["ZRANGE", "$1", "0", "-1"],
  ["ZRANGEBYLEX", "$1", "-", "+"],
  ["ZRANGEBYSCORE", "$1", "0", "1"],
  ["ZREM", "$1", "m"],
  ["ZREMRANGEBYRANK", "$1", "0", "1"],
  ["ZREMRANGEBYSCORE", "$1", "0", "1"],
  ["ZREVRANGE", "$1", "0", "-1"],
  ["ZREVRANGEBYSCORE", "$1", "1", "0"],
  ["ZSCORE", "$1", "m"],
];
