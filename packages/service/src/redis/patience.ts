/** How a connection bears Redis that is away, that does not answer, or that is no master any more. */
import type { ClusterOptions, RedisOptions } from "ioredis";

/**
 * The API answers "not now" within a second, keeps nothing waiting and sends nothing twice: what it has answered with 503
 * must not be carried out later. A worker waits for Redis to come back and sends again what was not answered; each of its
 * calls is fenced, or may be repeated.
 */
export type Patience = "fail-fast" | "wait";

export const ANSWER_WITHIN_MS = 800;

/** No command of ours may block for longer: a connection that is silent for longer than that and some is given up. */
export const LONGEST_BLOCK_MS = 5_000;
const SILENT_FOR_MS = LONGEST_BLOCK_MS + 2_000;

const RECONNECT_MS = { least: 50, most: 1_000 };

/** For a connection to one server. */
export function connectionOptions(patience: Patience): RedisOptions {
  return {
    retryStrategy: reconnectAfter,
    connectTimeout: 2_000,
    // A Sentinel that takes connections and does not answer must not be waited for while there are others.
    sentinelCommandTimeout: 2_000,
    reconnectOnError: onceInAWhile(isReadOnly),
    ...bearing(patience),
  };
}

/** What differs between the two, also where a connection of the one kind is made from one of the other. */
export function bearing(patience: Patience): RedisOptions {
  // A socket on which an answer is due and nothing comes is closed: the path may have lost it without telling anybody.
  if (patience === "fail-fast") {
    return {
      enableOfflineQueue: false,
      commandTimeout: ANSWER_WITHIN_MS,
      socketTimeout: ANSWER_WITHIN_MS,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    };
  }
  return {
    enableOfflineQueue: true,
    commandTimeout: undefined,
    socketTimeout: SILENT_FOR_MS,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: true,
  };
}

/** For a Cluster, beside what is for each of its nodes. */
export function clusterBearing(patience: Patience): ClusterOptions {
  const isWaiting = patience === "wait";
  return {
    clusterRetryStrategy: reconnectAfter,
    enableOfflineQueue: isWaiting,
    // Ten a second while a slot has no master: a worker waits for one, the API for no longer than it may.
    maxRedirections: isWaiting ? Number.MAX_SAFE_INTEGER : ANSWER_WITHIN_MS / 100,
    // With 0 what a broken connection left unanswered is not sent to another node.
    retryDelayOnFailover: isWaiting ? 100 : 0,
  };
}

function reconnectAfter(times: number): number {
  return Math.min(RECONNECT_MS.least * times, RECONNECT_MS.most);
}

/** A master that was demoted keeps its connections: only a new one finds who is the master now. */
function isReadOnly({ message }: Error): boolean {
  return /^(READONLY|UNBLOCKED)\b/.test(message);
}

const AT_MOST_EVERY_MS = 2_000;

/** A server that stays what it is must not be connected to again with every refusal. */
function onceInAWhile(isReason: (error: Error) => boolean): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!isReason(error) || performance.now() - last < AT_MOST_EVERY_MS) return false;
    last = performance.now();
    return true;
  };
}
