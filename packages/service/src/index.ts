/** What both processes need, and nothing of what either does. */
export { ConfigurationError } from "./configuration-error.ts";
export {
  type ApiEnvironment,
  apiEnvironment,
  nearestTo,
  readEnvironment,
  VARIABLES,
  type WorkerEnvironment,
  workerEnvironment,
} from "./environment.ts";
export { jobIdOf, workspaceOfJob } from "./hint-places.ts";
export { HINT_JOB, HINT_QUEUE, type HintData, HintQueues } from "./hint-queue.ts";
export { installationOf, tellEmptied } from "./installation.ts";
export { Bell } from "./lifecycle/bell.ts";
export { IntervalLoop, type IntervalLoopOptions } from "./lifecycle/interval-loop.ts";
export { BackgroundService, type Service, StillUnderWayError } from "./lifecycle/service.ts";
export { type Listed, ServiceList } from "./lifecycle/service-list.ts";
export { type Address, listen } from "./listen.ts";
export { createLogger } from "./logger.ts";
export { isLoopback } from "./loopback.ts";
export { ApiMetrics } from "./metrics/api-metrics.ts";
export type { Exposition } from "./metrics/process-metrics.ts";
export { WorkerMetrics } from "./metrics/worker-metrics.ts";
export {
  type ExplainedPolicy,
  type ExplainedPolicySet,
  LivePolicies,
  loadPolicies,
  type PolicyFileStatus,
  type PolicySettings,
} from "./policy-file/index.ts";
export { policyWatch, redisConnection } from "./process-services.ts";
export { aclRules, SCRIPT_COMMANDS } from "./redis/acl.ts";
export { describeAddress, parseRedisUrl } from "./redis/address.ts";
export { connectRedis, type RedisSettings } from "./redis/connect.ts";
export {
  describeEviction,
  describeFinding,
  EVICTION_REMEDY,
  type ExaminedRedis,
  examineRedis,
  LOWEST_VERSION,
  type RedisFinding,
} from "./redis/examine.ts";
export { findObstacles, isPermanent } from "./redis/obstacle.ts";
export { LONGEST_BLOCK_MS, type Patience } from "./redis/patience.ts";
export { readServerInfo, type ServerInfo } from "./redis/server-info.ts";
export { StartCheck, type StartSettings } from "./redis/start-check.ts";
export { RedisWatch, type RedisWatchOptions } from "./redis/watch.ts";
export { logStart } from "./start-line.ts";
export { type StreamEntry, StreamFollower, type StreamFollowerOptions } from "./stream-follower.ts";
export { lossLog } from "./tracing/loss-log.ts";
export type { Tracing } from "./tracing/tracing.ts";
export { inTime, within } from "./within.ts";
export { ZONE_RULES, zoneRulesWatch } from "./zone-rules.ts";
